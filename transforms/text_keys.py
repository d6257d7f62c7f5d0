"""What is known of the keyed hash of a text without importing TensorFlow."""

KEY_BITS = 62
