#!/usr/bin/env python3
"""Run the pages that compare as on lesser processors too: run_pages.py runs a page on one only.

    python tools/rounding.py [--full]

torch, oneDNN and MKL are held back to the kernels of older processors, with one thread and with two.
A page that proves with both numbers of threads itself runs once for each kind of processor, others
with one here and two there; `make test` is the machine itself with one. `--full` leaves none out.
"""
import os, re, subprocess, sys
from concurrent.futures import ThreadPoolExecutor
import pages

COMPARES = re.compile(r'\b(prove_same|how_same|show_ladder|lean_step)\(')
WITH_BOTH = re.compile(r'\bprove_same\(|\bthreads\((2|n)\)')
NAMES = 'ATEN_CPU_CAPABILITY', 'ONEDNN_MAX_CPU_ISA', 'MKL_CBWR'
KINDS = {'default': ('default', 'SSE41', 'COMPATIBLE'), 'avx2': ('avx2', 'AVX2', 'AVX2'), 'avx512': ()}
PROBE = """import torch; b = torch.backends
print(b.cpu.get_cpu_capability().lower(), b.mkldnn.is_available(), b.mkl.is_available())"""
FREE = {k: v for k, v in os.environ.items() if k not in NAMES}

def run(job):
    "One page under one setting: whether it passed, and what it said"
    page, (kind, threads) = job
    command = [sys.executable, 'tools/run_pages.py', pages.path_of(page), '--threads', str(threads)]
    done = subprocess.run(command, cwd=pages.ROOT, env=FREE | dict(zip(NAMES, KINDS.get(kind, ()))),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding='utf-8')
    return done.returncode == 0, done.stdout + done.stderr

def main():
    probe = subprocess.run([sys.executable, '-c', PROBE], env=FREE, capture_output=True, text=True, check=True)
    here, onednn, mkl = probe.stdout.split()
    lower = list(KINDS)[:list(KINDS).index(here)] if here in KINDS else ['default']
    settings = [(kind, n) for kind in [*lower, 'here'] for n in (1, 2)]
    code = {p: '\n'.join(map(pages.source, pages.code_cells(pages.read(p))))
            for p in pages.all_pages() + pages.companions()}
    chosen = [p for p in code if COMPARES.search(code[p])]
    few = {True: [(kind, 1) for kind in lower], False: [('here', 2), *zip(lower, (2, 1))]}
    wanted = {p: settings if '--full' in sys.argv else few[bool(WITH_BOTH.search(code[p]))] for p in chosen}
    jobs = [(p, s) for p in chosen for s in settings if s in wanted[p]]
    print(f"{'':28}" + ''.join(f"{f'{kind} {n}':>11}" for kind, n in settings), flush=True)
    with ThreadPoolExecutor(2) as pool: found = dict(zip(jobs, pool.map(run, jobs)))
    for p in chosen:
        marks = [('ok' if found[p, s][0] else 'FAILED') if s in wanted[p] else '' for s in settings]
        print(f'{pages.path_of(p):28}' + ''.join(f'{mark:>11}' for mark in marks))
    failed = [job for job in jobs if not found[job][0]]
    for p, s in failed: print(f'\n{pages.path_of(p)}, {s[0]}, threads: {s[1]}\n{found[p, s][1]}')
    missing = [k for k in KINDS if k not in lower and k != here]
    print(f"{len(jobs)} runs, {len(failed)} of them failed. This machine is {here}; not seen here: "
          f"{', '.join(missing + ['other makers'])}; oneDNN: {onednn}, MKL: {mkl}")
    sys.exit(bool(failed))

if __name__ == '__main__': main()
