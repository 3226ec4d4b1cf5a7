"""What is torch.nn, really? One training loop, from raw tensors to torch.nn, with proof that every step computes what the last one did.

`from torchnn_really.all import *` brings every public name; `python -m torchnn_really` says what the command can do.
"""
__version__ = "0.1.0"
