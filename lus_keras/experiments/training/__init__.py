"""Training: one fold is one job; a network is built once and reset for each fold.

    FoldJob ─▶ train_fold(network, source, job) ─▶ predictions.csv, attention.npz, history.csv,
                                                   model.weights.h5, model.json, DONE

Nothing is imported here: a child process has to start TensorFlow quietly before Keras does.
"""
