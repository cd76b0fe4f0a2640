"""ULMFiT with fastai's own AWD-LSTM, learners and data loaders: the implementation called ``fastai``."""
