"""tf.data in; Keras models, evaluation and export out."""
