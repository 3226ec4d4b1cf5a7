#!/usr/bin/env python3
"""Run the pages that compare as on older processors, too: run_pages.py runs a page on one only.

    python tools/rounding.py [--full]

torch, oneDNN and MKL are held back. A page that proves with one thread and with two itself runs
once under each kind, others with one or with two; `make test` is "here 1". `--full` runs it all.
"""
import os, re, subprocess, sys
from concurrent.futures import ThreadPoolExecutor
import pages

COMPARES = re.compile(r'\b(prove_same|how_same|show_ladder|lean_step)\(')
WITH_BOTH = re.compile(r'\bprove_same\(|\bthreads\((2|n)\)')
NAMES = 'ATEN_CPU_CAPABILITY', 'ONEDNN_MAX_CPU_ISA', 'MKL_CBWR'
KINDS = dict(default=('default', 'SSE41', 'COMPATIBLE'), avx2=('avx2', 'AVX2', 'AVX2'), avx512=())
FREE = {k: v for k, v in os.environ.items() if k not in NAMES}
PROBE = [sys.executable, '-c', """import torch; b = torch.backends
print(b.cpu.get_cpu_capability().lower(), b.mkldnn.is_available(), b.mkl.is_available())"""]

def run(page, kind, n_threads):
    "Whether one page held under one setting, and what it said"
    env = FREE | dict(zip(NAMES, KINDS.get(kind, ())))
    command = ['tools/run_pages.py', pages.path_of(page), '--threads', str(n_threads)]
    done = subprocess.run([sys.executable, *command], cwd=pages.ROOT, env=env, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, encoding='utf-8')
    return 'FAILED' if done.returncode else 'ok', done.stdout + done.stderr

def main():
    here, onednn, mkl = subprocess.check_output(PROBE, env=FREE, text=True).split()
    older = list(KINDS)[:list(KINDS).index(here)] if here in KINDS else ['default']
    settings = [(kind, n) for kind in [*older, 'here'] for n in (1, 2)]
    few = [[*zip(older, (2, 1)), ('here', 2)], [(kind, 1) for kind in older]]
    code = {p: '\n'.join(map(pages.source, pages.code_cells(pages.read(p))))
            for p in pages.all_pages() + pages.companions()}
    chosen = {p: settings if '--full' in sys.argv else few[bool(WITH_BOTH.search(text))]
              for p, text in code.items() if COMPARES.search(text)}
    with ThreadPoolExecutor(2) as pool:
        found = {(p, *s): pool.submit(run, p, *s) for p in chosen for s in chosen[p]}
        print(f"{'':26}" + ''.join(f'{f"{kind} {n}":>10}' for kind, n in settings))
        for p in chosen:
            marks = [found[p, *s].result()[0] if s in chosen[p] else '-' for s in settings]
            print(f'{pages.path_of(p):26}' + ''.join(f'{m:>10}' for m in marks), flush=True)
    failed = [job for job in found if found[job].result()[0] == 'FAILED']
    for job in failed: print(f'\n{job[1]} {job[2]}:', found[job].result()[1])
    unseen = ', '.join([k for k in KINDS if k not in (*older, here)] + ['other makes'])
    print(f'{len(found)} runs, {len(failed)} failed. This machine (here) has {here}, oneDNN: '
          f'{onednn}, MKL: {mkl}; it cannot show: {unseen}')
    sys.exit(bool(failed))

if __name__ == '__main__': main()
