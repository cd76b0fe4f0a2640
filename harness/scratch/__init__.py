"""ULMFiT from scratch in PyTorch: the implementation called ``torch``. Nothing here imports fastai."""
