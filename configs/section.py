"""What every section of the settings shares."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0.0)]


class Section(BaseModel):
    """A frozen part of the settings; a key that is not declared is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
