#!/usr/bin/env python3
"""Make torchnn_really/sample.npz: the first 5,000 training and the first 1,000 validation images of MNIST.

    python tools/make_sample.py [--from FOLDER] [--out FILE]

The two training files come from the cache (`torchnn_really data` fills it), or from a folder that holds them as they are or gzipped.
Either way their SHA-256 is checked first. The same files give the same sample.
"""
import argparse, gzip, sys
from pathlib import Path
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from torchnn_really.downloads import MNIST_FILES, read_idx
from torchnn_really.files import cache_dir

def read(folder, name):
    "The array in one of MNIST's files, gzipped or not, if its bytes are MNIST's"
    plain, packed = folder/name, folder/f'{name}.gz'
    if not (plain.exists() or packed.exists()): sys.exit(f'{folder} holds neither {name} nor {packed.name}')
    data = plain.read_bytes() if plain.exists() else gzip.decompress(packed.read_bytes())
    if not MNIST_FILES[name].fits(data): sys.exit(f"{name} in {folder} is not MNIST's: its size or SHA-256 differs")
    return read_idx(data)

def sample(folder):
    "The sample's four arrays of bytes: MNIST validates on the training file's last 10,000 images"
    x, y = read(folder, 'train-images-idx3-ubyte').reshape(-1, 784), read(folder, 'train-labels-idx1-ubyte')
    return dict(x_train=x[:5000], y_train=y[:5000], x_valid=x[50000:51000], y_valid=y[50000:51000])

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--from', dest='folder', type=Path, help='folder with the training files (default: the cache)')
    p.add_argument('--out', type=Path, default=ROOT/'torchnn_really/sample.npz', help='file to write (default: %(default)s)')
    args = p.parse_args()
    np.savez_compressed(args.out, **sample(args.folder or cache_dir()/'mnist'))
    print(f'{args.out}: {args.out.stat().st_size:,} bytes')

if __name__ == '__main__': main()
