"""From video files to batches: manifests, decoding, splits, clips, cache and `tf.data`."""
