#!/usr/bin/env python3
"""Let our `fit`, the tutorial's loop, a bare loop and eight frameworks do the same work, and write what it took to nbs/bench.json.

    python tools/frameworks.py [race] [fresh] [scaling] [--data auto|sample|mnist] [--rounds 5] [--threads N] [--out nbs/bench.json]

`race`: logistic regression and the convolutional network, an epoch with its validation; each contender in a process of its own
that stays, all in turns, another one first in each round. It fails unless the weights are equal to the tutorial's to the last bit
(those with a reason to differ: within 1e-6 after 20 steps). `fresh`: new processes, for the seconds that an import takes beyond
torch's and for the peak of memory. `scaling`: how time and memory of our `fit` grow with the size of the batch, of the data and of
a layer, on one thread. Without a name all three run; what is not run keeps its place in the file. A contender that is not installed
or fails is named, in the file too.
"""
import argparse, ctypes, datetime, hashlib, importlib.metadata, json, os, platform, subprocess, sys, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
JOBS = dict(logistic=dict(lr=.5), cnn=dict(lr=.1, momentum=.9)) # an epoch, batches of 64
AFTER_20 = 1e-6                                                 # how far a weight may be off after 20 steps, with a reason to differ
BATCHES, ROWS, WIDTHS = [2**i for i in range(4, 13)], [1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000], [2**i for i in range(4, 13)]

# In a process of its own

def resident(peak=False):
    "Memory that this process holds now, or the most it has held, in MB"
    try: lines = Path('/proc/self/status').read_text(encoding='utf-8').splitlines()
    except FileNotFoundError:
        if os.name == 'nt': return float('nan') # nothing in Python's library tells it there
        import resource
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == 'darwin' else 2**10)
    return next(int(l.split()[1]) for l in lines if l.startswith('VmHWM' if peak else 'VmRSS')) / 2**10

def forget_peak():
    "Let the count of the most memory begin anew, and give back what is free, where the system can"
    try:
        ctypes.CDLL(None).malloc_trim(0)
        Path('/proc/self/clear_refs').write_text('5', encoding='utf-8')
    except (OSError, AttributeError, TypeError): pass # TypeError: on Windows

def prepare(args):
    "Threads, and the data"
    import torch
    from torch.utils.data import TensorDataset
    from torchnn_really.data import load_data
    if args.threads: torch.set_num_threads(args.threads)
    data = load_data(args.data)
    return data, TensorDataset(data.x_train, data.y_train), TensorDataset(data.x_valid, data.y_valid)

def job_of(name, train_ds, valid_ds, **more):
    from torchnn_really.all import Job, Mnist_CNN, Mnist_Logistic
    return Job(train_ds, valid_ds, dict(logistic=Mnist_Logistic, cnn=Mnist_CNN)[name], 1, **JOBS[name] | more)

def weights(trained): return [p.detach().clone() for p in trained.model.parameters()]
def digest(tensors): return hashlib.sha256(b''.join(t.numpy().tobytes() for t in tensors)).hexdigest()

def calls_a_step(train, job):
    "Python functions that are called in a step of training: counted, as what 40 steps call beyond what 20 do"
    from torch.utils.data import TensorDataset
    def count(steps):
        n = 0
        def see(frame, event, arg):
            nonlocal n
            n += event == 'call'
        few = job._replace(train_ds=TensorDataset(*job.train_ds[:64*steps]), valid_ds=TensorDataset(*job.valid_ds[:64]))
        sys.setprofile(see)
        try: train(few)
        finally: sys.setprofile(None)
        return n
    count(20) # what happens once in a process
    return (count(40)-count(20))/20

def racer(args, tell):
    "Do jobs as they are asked for, one a line"
    import torch
    from torch.utils.data import TensorDataset
    from torchnn_really.all import contenders, keep_memory, referee, with_tutorial
    keep_memory() # everyone, or the page faults of each process decide, and they are chance
    _, train_ds, valid_ds = prepare(args)
    me = next(c for c in contenders if c.name == args.racer)
    tell(ready=True)
    for line in sys.stdin:
        asked = json.loads(line)
        job = job_of(asked['job'], train_ds, valid_ds)._replace(loader=me.loader)
        if asked.get('steps'): # the first few, against the tutorial's
            few = job._replace(train_ds=TensorDataset(*train_ds[:64*asked['steps']]))
            ours, theirs = weights(me.train(few)), weights(with_tutorial(few))
            tell(after_20=max((a-b).abs().max().item() for a, b in zip(ours, theirs)), calls_a_step=calls_a_step(me.train, job))
            continue
        got = me.train(job)
        tell(seconds=got.seconds, cpu_seconds=got.cpu_seconds, says=got.valid_losses[-1], valid_loss=referee(job, got), digest=digest(weights(got)))

def fresh(args, tell):
    "Import what a contender needs, after torch; unless that is all, train a convolutional network for 100 steps, and look at the memory"
    import importlib, torch # noqa: F401
    name, module, only = args.fresh
    wall, cpu = time.perf_counter(), time.process_time()
    if module != 'torch': importlib.import_module(module)
    imported = dict(import_seconds=time.perf_counter()-wall, import_cpu_seconds=time.process_time()-cpu)
    if only == 'import': return tell(**imported)
    from torch.utils.data import TensorDataset
    from torchnn_really.all import contenders
    _, train_ds, valid_ds = prepare(args)
    me = next(c for c in contenders if c.name == name)
    forget_peak()
    me.train(job_of('cnn', TensorDataset(*train_ds[:6400]), valid_ds)._replace(loader=me.loader))
    tell(**imported, peak_mb=resident(peak=True))

def point(args, tell):
    "One point of a curve of growth"
    import torch
    from torch import nn
    from torch.utils.data import TensorDataset
    from torchnn_really.all import BatchLoader, keep_memory, with_fit
    keep_memory() # as the racers
    kind, n, args.threads = args.point[0], int(args.point[1]), 1 # one thread, so that CPU time is the work alone
    data, train_ds, valid_ds = prepare(args)
    class Wide(nn.Sequential):
        def __init__(self): super().__init__(nn.Linear(784, n), nn.ReLU(), nn.Linear(n, 10))
    job = job_of('cnn' if kind == 'batch, cnn' else 'logistic', train_ds, TensorDataset(*valid_ds[:1]))._replace(loader=BatchLoader)
    job = job._replace(lr=.01, momentum=0.) # it need not learn well here, only not break
    with_fit(job._replace(train_ds=TensorDataset(*train_ds[:64]))) # what the first step brings
    forget_peak()
    before = resident()
    if kind == 'rows':
        rows = torch.arange(n) % len(train_ds)
        job = job._replace(train_ds=TensorDataset(data.x_train[rows], data.y_train[rows]))
    elif kind == 'width': job = job._replace(arch=Wide, train_ds=TensorDataset(*train_ds[:5000]))
    else: job = job._replace(bs=n)
    best = min((with_fit(job) for _ in range(3)), key=lambda r: r.cpu_seconds)
    tell(seconds=best.seconds, cpu_seconds=best.cpu_seconds, mb=resident(peak=True)-before)

# In the process that asks

class Child:
    "A process that runs this file with some arguments, and is asked and answers in lines of JSON"
    def __init__(self, args, *more):
        command = [sys.executable, __file__, '--data', args.data, *(['--threads', str(args.threads)] if args.threads else []), *map(str, more)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE if not args.loud else None, text=True, cwd=ROOT)

    def ask(self, **what):
        if what: self.process.stdin.write(json.dumps(what) + '\n'); self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if answer: return json.loads(answer)
        said = self.process.stderr.read() if self.process.stderr else ''
        raise RuntimeError((said.strip().splitlines() or ['it ended without a word'])[-1])

    def end(self):
        try: self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired: self.process.kill(); self.process.communicate()

def once(args, *more):
    "What a new process says"
    child = Child(args, *more)
    try: return child.ask()
    finally: child.end()

def processor():
    try: lines = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
    except FileNotFoundError: return platform.processor() or platform.machine()
    return next((l.partition(':')[2].strip() for l in lines if l.startswith('model name')), platform.machine())

def load(): return round(os.getloadavg()[0], 2) if hasattr(os, 'getloadavg') else None

def about(args, data):
    import torch
    if args.threads: torch.set_num_threads(args.threads)
    return dict(made=datetime.date.today().isoformat(), processor=processor(), cores=os.cpu_count(), system=f'{platform.system()} {platform.machine()}', python=platform.python_version(),
        torch=torch.__version__, threads=torch.get_num_threads(), omp_wait_policy=os.environ.get('OMP_WAIT_POLICY', ''), data=data.heading, train_items=len(data.x_train), valid_items=len(data.x_valid), rounds=args.rounds)

def race(args, here, result):
    "All contenders in turns"
    children, skipped, found = {}, {}, {job: {} for job in args.jobs}
    for c in here: # one after the other: loading the data is work
        child = children[c.name] = Child(args, '--racer', c.name)
        try:
            child.ask()
            for job in args.jobs: found[job][c.name] = dict(seconds=[], cpu_seconds=[]) | child.ask(job=job, steps=20)
        except RuntimeError as e:
            skipped[c.name] = f'failed: {e}'
            children.pop(c.name).end()
            for rows in found.values(): rows.pop(c.name, None)
    print('race: everyone is ready', file=sys.stderr, flush=True)
    begin, names = load(), list(children)
    try:
        for job in args.jobs:
            for i in range(args.rounds):
                for name in names[i % len(names):] + names[:i % len(names)]:
                    got, row = children[name].ask(job=job), found[job][name]
                    for key in ('seconds','cpu_seconds'): row[key].append(round(got.pop(key), 4))
                    if row.get('digest', got['digest']) != got['digest']: sys.exit(f'{name}: two runs of {job} ended at different weights')
                    row |= got
                print(f'race: {job}, round {i+1} of {args.rounds}', file=sys.stderr, flush=True)
    finally:
        for child in children.values(): child.end()
    for rows in found.values():
        wanted = rows['tutorial']['digest']
        for row in rows.values(): row['same'] = row.pop('digest') == wanted
    return found, skipped, [begin, load()]

def judge(found, reasons):
    "Complain unless everyone did the same work"
    for job, rows in found.items():
        for name, row in rows.items():
            if abs(row['says'] - row['valid_loss']) > 1e-5: sys.exit(f"{name}: says a validation loss of {row['says']} for {job}; it is {row['valid_loss']}")
            if row['same']: continue
            if not reasons.get(name): sys.exit(f"{name}: its weights are not the tutorial's after an epoch of {job}; validation loss {row['valid_loss']}, the tutorial's {rows['tutorial']['valid_loss']}")
            if row['after_20'] > AFTER_20: sys.exit(f"{name}: after 20 steps of {job} a weight is off by {row['after_20']}, more than {AFTER_20}")
            print(f"race: {name} differs for {job}, validation loss {row['valid_loss']:.4f} against {rows['tutorial']['valid_loss']:.4f}: {reasons[name]}")

def freshly(args, here):
    "Import seconds and peak memory of each contender, in turns; and who failed"
    found, failed, imports = {}, {}, lambda c: 'torchnn_really.all' if c.name == 'fit' else c.imports
    for c in here:
        try: got = once(args, '--fresh', c.name, imports(c), 'all')
        except RuntimeError as e: failed[c.name] = f'failed: {e}'
        else: found[c.name] = dict(import_seconds=[got['import_seconds']], import_cpu_seconds=[got['import_cpu_seconds']], peak_mb=got['peak_mb'])
    for i in range(args.imports-1):
        for c in here:
            if c.name not in found or imports(c) == 'torch': continue
            for key, value in once(args, '--fresh', c.name, imports(c), 'import').items(): found[c.name][key].append(value)
    print('fresh: done', file=sys.stderr, flush=True)
    return {name: {k: [round(x, 3) for x in v] if isinstance(v, list) else round(v, 1) for k, v in row.items()} for name, row in found.items()}, failed

def free_mb():
    try: return next(int(l.split()[1]) for l in Path('/proc/meminfo').read_text(encoding='utf-8').splitlines() if l.startswith('MemAvailable')) / 2**10
    except FileNotFoundError: return float('inf')

def scaling(args):
    "Three curves of time and memory"
    curves = {}
    for kind, sizes in {'batch, logistic': BATCHES, 'batch, cnn': BATCHES, 'rows': ROWS, 'width': WIDTHS}.items():
        curves[kind] = []
        for n in sizes:
            needs = n*784*4/2**20 if kind == 'rows' else 0
            if 2*needs > free_mb(): print(f'scaling: {kind} {n} is left out; it needs {2*needs:,.0f} MB of free memory', file=sys.stderr); continue
            curves[kind].append(dict(n=n) | {k: round(v, 4) for k, v in once(args, '--point', kind, n).items()})
        print(f'scaling: {kind} done', file=sys.stderr, flush=True)
    return curves

def version(package):
    try: return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError: return None

def missing(contenders):
    "Contenders whose module is not there, and what to do about it"
    from torchnn_really.all import is_installed
    return {c.name: f"{c.imports.partition('.')[0]} is not installed; pip install {c.package}" for c in contenders if not is_installed(c)}

def show(result):
    "The medians as lines of text"
    from statistics import median
    from torchnn_really.all import show_table
    for job, rows in result.get('race', {}).items():
        bare = rows['bare loop, our batches']
        steps = -(-result['about']['train_items'] // 64)
        over = lambda row: median(a-b for a, b in zip(row['seconds'], bare['seconds']))/steps*1e6
        print(show_table([dict(name=name, seconds=median(row['seconds']), least=min(row['seconds']), most=max(row['seconds']), CPU_seconds=median(row['cpu_seconds']), overhead_us_a_step=round(over(row), 1), calls_a_step=row['calls_a_step'], valid_loss=row['valid_loss'], same=row['same']) for name, row in rows.items()], f"{job}, an epoch with its validation, {result['about']['threads']} threads"), '\n')
    rows = [dict(name=name, version=c['version'], import_seconds=median(c['import_seconds']), peak_MB=c['peak_mb']) for name, c in result.get('contenders', {}).items() if 'peak_mb' in c]
    if rows: print(show_table(rows, 'fresh processes'), '\n')
    for name, why in result.get('skipped', {}).items(): print(f'skipped: {name}: {why}')

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('what', nargs='*', metavar='race|fresh|scaling', help='default: all')
    p.add_argument('--data', choices=['auto','sample','mnist'], default='auto')
    p.add_argument('--rounds', type=int, default=5, help='rounds of the race')
    p.add_argument('--jobs', nargs='+', choices=list(JOBS), default=list(JOBS), help='what is raced')
    p.add_argument('--imports', type=int, default=3, help='imports of each contender, in fresh processes')
    p.add_argument('--threads', type=int, help="torch's threads; default: torch's own choice")
    p.add_argument('--out', type=Path, default=ROOT/'nbs'/'bench.json', help='where the result goes')
    p.add_argument('--loud', action='store_true', help='show what the contenders print')
    for hidden, n in (('--racer', None), ('--fresh', 3), ('--point', 2)): p.add_argument(hidden, nargs=n, help=argparse.SUPPRESS)
    args = p.parse_args()
    for name, work in ((args.racer, racer), (args.fresh, fresh), (args.point, point)):
        if name:
            out = os.fdopen(os.dup(1), 'w')
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.environ['KERAS_BACKEND'] = 'torch'
            return work(args, lambda **what: print(json.dumps(what), file=out, flush=True))
    wanted = args.what or ['race','fresh','scaling']
    if wrong := set(wanted) - {'race','fresh','scaling'}: p.error(f'{min(wrong)} is none of race, fresh, scaling')
    from torchnn_really.all import contenders, load_data
    data = load_data(args.data)
    args.data = data.name # so that every process uses the same
    result = json.loads(args.out.read_text(encoding='utf-8')) if args.out.exists() else {}
    began = time.monotonic()
    skipped = missing(contenders)
    here = [c for c in contenders if c.name not in skipped]
    result['about'] = about(args, data)
    names = result.setdefault('contenders', {})
    for c in contenders: names.setdefault(c.name, {}).update(package=c.package, version=version('torchnn_really' if c.package == 'torch' and c.name == 'fit' else c.package))
    if 'race' in wanted:
        found, failed, result['about']['load'] = race(args, here, result)
        skipped |= failed
        judge(found, {c.name: c.differs for c in contenders})
        result.setdefault('race', {}).update(found)
    if 'fresh' in wanted:
        found, failed = freshly(args, [c for c in here if c.name not in skipped])
        skipped |= failed
        for name, got in found.items(): names[name].update(got)
    if 'scaling' in wanted: result['scaling'] = scaling(args)
    result['skipped'] = skipped
    args.out.write_text(json.dumps(result, indent=1) + '\n', encoding='utf-8')
    show(result)
    print(f"{args.out.name} written, {(time.monotonic()-began)/60:.1f} minutes")

if __name__ == '__main__': main()
