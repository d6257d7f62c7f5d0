"""A Flink cluster on this machine, for trying and testing what runs on a larger one."""
