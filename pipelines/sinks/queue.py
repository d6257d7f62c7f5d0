"""RabbitMQ: one persistent message a change, and nothing counts before the broker confirms it.

Many messages are under way at once; pika's own blocking channel would wait for each
(https://www.rabbitmq.com/docs/confirms).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pika
from pika.exceptions import AMQPError

from configs.errors import PassingFault, UsageError
from configs.stores import QueueSettings, shown_url
from pipelines.sinks.changes import Change, Refused, name_of

_AT_ONCE = 100  # messages between two looks at the socket
NO = {403: "set the user's permissions", 406: "set declare: false in the sink"}


class QueueSink:
    """A connection that is opened when it is needed, and again after it was cut."""

    def __init__(self, settings: QueueSettings) -> None:
        self.name, self.settings = name_of(settings), settings
        try:
            self._parameters = pika.URLParameters(settings.url)
        except Exception as error:
            raise UsageError(
                f"store.sinks: {shown_url(settings.url)} is no AMQP URL; expected "
                "amqp://user:password@host:5672/%2F"
            ) from error
        if "heartbeat" not in settings.url:
            self._parameters.heartbeat = settings.heartbeat_seconds
        self._parameters.blocked_connection_timeout = settings.retry.give_up_seconds
        self._connection: pika.SelectConnection | None = None
        self._channel: Any = None
        self._fault: BaseException | None = None
        self._published = 0
        self._waiting: Iterator[Change] = iter(())
        self._all_sent = True
        self._open: dict[int, Change] = {}  # by delivery tag, the oldest first
        self._returned: dict[str, str] = {}
        self._refused: list[Refused] = []

    def deliver(self, changes: Sequence[Change], place: str) -> list[Refused]:
        """Publish all, then wait until each is confirmed, returned or refused."""
        self._open, self._returned, self._refused = {}, {}, []
        self._waiting, self._all_sent = iter(changes), False
        connection = self._connected()
        try:
            self._publish_some()
            if self._open:
                connection.ioloop.start()
        except AMQPError as error:
            self._fault = self._fault or error
        if self._fault is not None:
            self._give_up()
        return self._refused

    def close(self) -> None:
        connection = self._connection
        if connection is not None and connection.is_open:
            connection.close()
            connection.ioloop.start()
        self._connection, self._channel = None, None

    def _publish_some(self) -> None:
        """Publish a few; the loop sends them, and hears the broker, before it comes back here."""
        few = list(itertools.islice(self._waiting, _AT_ONCE))
        for change in few:
            self._published += 1
            self._open[self._published] = change
            self._publish(change)
        self._all_sent = not few
        if few and self._connection is not None:
            self._connection.ioloop.add_callback_threadsafe(self._publish_some)
        elif not self._open:
            self._stop_loop()

    def _publish(self, change: Change) -> None:
        properties = pika.BasicProperties(
            content_type="application/json",
            delivery_mode=pika.DeliveryMode.Persistent,
            message_id=change["message_id"],
            type="aisle.label_change",
        )
        body = json.dumps(change, ensure_ascii=False).encode()
        queue, exchange = self.settings.queue, self.settings.exchange
        self._channel.basic_publish(exchange, queue, body, properties, mandatory=True)

    def _connected(self) -> pika.SelectConnection:
        """Return the open connection; connect, declare and ask for confirms if need be."""
        if self._connection is not None and self._channel is not None and self._channel.is_open:
            return self._connection
        self._fault, self._channel, self._published = None, None, 0
        self._connection = pika.SelectConnection(
            self._parameters,
            on_open_callback=lambda c: c.channel(on_open_callback=self._declare),
            on_open_error_callback=self._stopped,
            on_close_callback=self._stopped,
        )
        self._connection.ioloop.start()
        if self._fault is not None:
            self._give_up()
        return self._connection

    def _declare(self, channel: Any) -> None:
        channel.add_on_close_callback(self._stopped)
        channel.add_on_return_callback(self._on_return)

        def ready(_: Any) -> None:
            self._channel = channel
            self._stop_loop()

        def confirm(_: Any) -> None:
            channel.confirm_delivery(self._on_confirm, callback=ready)

        channel.queue_declare(
            self.settings.queue,
            durable=True,
            passive=bool(self.settings.exchange) or not self.settings.declare,
            callback=confirm,
        )

    def _on_return(self, _: Any, method: Any, properties: Any, __: bytes) -> None:
        """What cannot be routed comes back before it is confirmed."""
        reason = f"{method.reply_code} {method.reply_text}"
        self._returned[properties.message_id] = reason

    def _on_confirm(self, frame: Any) -> None:
        method = frame.method
        last = method.delivery_tag
        upto = itertools.takewhile(lambda number: number <= last, self._open)
        for number in list(upto) if method.multiple else [last]:
            change = self._open.pop(number, None)
            if change is None:
                continue
            if isinstance(method, pika.spec.Basic.Nack):
                self._refused.append(Refused(change, "the queue refuses it (basic.nack)"))
            elif reason := self._returned.pop(change["message_id"], None):
                self._refused.append(Refused(change, reason))
        if self._all_sent and not self._open:
            self._stop_loop()

    def _stopped(self, _: Any, reason: Any) -> None:
        self._fault = reason if isinstance(reason, BaseException) else AMQPError(str(reason))
        self._stop_loop()

    def _stop_loop(self) -> None:
        if self._connection is not None:
            self._connection.ioloop.stop()

    def _give_up(self) -> None:
        """Raise what the broker said; a cut connection may be there again soon."""
        fault, self._fault, self._connection, self._channel = self._fault, None, None, None
        code = getattr(fault, "reply_code", None)
        said = " ".join(str(fault or "").split())[:300]
        password = self._parameters.credentials.password
        said = said.replace(password, "***") if password else said
        line = f"{shown_url(self.settings.url)}: {type(fault).__name__} {said}; expected a broker "
        kind = UsageError if code in NO or "Authentication" in line else PassingFault
        raise kind(line + f"with the queue {self.settings.queue}; {NO.get(code or 0, 'start it')}")
