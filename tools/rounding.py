#!/usr/bin/env python3
"""Run the pages that compare as on older processors, too: run_pages.py runs a page on one only.

    python tools/rounding.py

torch, oneDNN and MKL are held back. A page that proves with one thread and with two itself runs
once under each kind, others with one or with two; `make test` is "here 1".
"""
import os, re, subprocess, sys
import pages

COMPARES = re.compile(r'\b(prove_same|how_same|show_ladder|lean_step)\(')
WITH_BOTH = re.compile(r'\bprove_same\(|\bthreads\((2|n)\)')
NAMES = 'ATEN_CPU_CAPABILITY', 'ONEDNN_MAX_CPU_ISA', 'MKL_CBWR'
KINDS = dict(default=('default', 'SSE41', 'COMPATIBLE'), avx2=('avx2', 'AVX2', 'AVX2'), avx512=())
FREE = {k: v for k, v in os.environ.items() if k not in NAMES}
PROBE = [sys.executable, '-c', """import torch; b = torch.backends
print(b.cpu.get_cpu_capability().lower(), b.mkldnn.is_available(), b.mkl.is_available())"""]

def settings(older):
    "Kinds and numbers of threads, and the pages to run with them"
    every = pages.all_pages() + pages.companions()
    code = {pages.path_of(p): ''.join(map(pages.source, pages.read(p)['cells'])) for p in every}
    chosen = [path for path in code if COMPARES.search(code[path])]
    both = [path for path in chosen if WITH_BOTH.search(code[path])]
    one = [path for path in chosen if path not in both]
    once = [*zip(older, (2, 1)), ('here', 2)]
    return [(k, 1, both) for k in older] + [(k, n, one) for k, n in once]

def run(kind, n_threads, chosen):
    "Whether pages failed under one setting"
    print(f'\n== {kind}, threads: {n_threads}', flush=True)
    command = [sys.executable, 'tools/run_pages.py', *chosen, '--threads', str(n_threads)]
    env = FREE | dict(zip(NAMES, KINDS.get(kind, ())))
    return subprocess.run(command, cwd=pages.ROOT, env=env).returncode > 0

def main():
    here, onednn, mkl = subprocess.check_output(PROBE, env=FREE, text=True).split()
    older = list(KINDS)[:list(KINDS).index(here)] if here in KINDS else ['default']
    failed = [run(*setting) for setting in settings(older) if setting[2]]
    unseen = ', '.join([k for k in KINDS if k not in (*older, here)] + ['other makes'])
    print(f'\n{len(failed)} settings, {sum(failed)} failed. This machine (here) has {here}, '
          f'oneDNN: {onednn}, MKL: {mkl}; it cannot show: {unseen}')
    sys.exit(any(failed))

if __name__ == '__main__': main()
