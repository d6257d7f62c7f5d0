"""The schedule: DAGs that chain the `aisle` commands; nothing here imports TensorFlow or Beam."""
