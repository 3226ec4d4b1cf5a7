#!/usr/bin/env python3
"""Measure what the pages on speed say: trainings in turns, each in a process. No kept tool does.

    python nbs/speed/bench.py [race fresh scaling lean track panel import recipes] [--data mnist]

Without names all but recipes. Into bench.json go `race`: our `fit`, loops by hand and eight
frameworks at an epoch, an error unless all end at the tutorial's weights (nearly, if there is a
reason); `fresh`: seconds of import beyond torch's, and peak memory; `scaling`: how time and memory
of `fit` grow with batch, data and a layer. A contender that is missing or fails is named there.
Printed as ratios, each beside a control: `lean`: `fit` and leaner steps against the tutorial's
loop; `track`: `fit_and_log`, offline, against `fit`; `panel`: a training under the panel against
`fit`; `import`: `torchnn_really.all` against torch. Ratios are of CPU seconds with one thread, else
of seconds by the clock. Into recipes.json, on MNIST, go `recipes`: five seeds, with one thread and
two, then built up and taken apart. On a machine that does other work set OMP_WAIT_POLICY=PASSIVE.
"""
import argparse, ast, contextlib, ctypes, datetime, functools, hashlib, importlib.metadata, json, os
import platform, statistics, subprocess, sys, tempfile, time, types
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
JOBS = dict(logistic=dict(lr=.5), cnn=dict(lr=.1, momentum=.9)) # an epoch, batches of 64
AFTER_20 = 1e-6 # how far a weight may be off after 20 steps, with a reason to differ
POWERS, ROWS = [2**i for i in range(4, 13)], [n*10**k for k in (3, 4, 5) for n in (1, 3)] + [10**6]
SIZES = {'batch, logistic': POWERS, 'batch, cnn': POWERS, 'rows': ROWS, 'width': POWERS}
GENERATIONS = 5 # sets of processes: how many pages of memory one asks for in a step is chance
KEPT, LAST = ', memory kept', ', memory kept, channels last'
STEPS = ['lean step', 'backward written out']
LEAN = ['tutorial', 'tutorial again', f'tutorial{KEPT}', 'fit', *STEPS,
        *[s + KEPT for s in ['fit', *STEPS]], *[s + LAST for s in ['fit', *STEPS]]]
DEFINITIONS = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef | ast.AnnAssign

@functools.cache
def page(name):
    "What readers see defined on a page beside this file, as a module; nothing else runs"
    file, module = HERE/f'{name}.ipynb', types.ModuleType(name)
    cells = json.loads(file.read_text(encoding='utf-8'))['cells']
    sources = [''.join(c['source']) for c in cells if c['cell_type'] == 'code']
    nodes = [n for s in sources if not s.startswith('#| hide') for n in ast.parse(s).body]
    found = [n for n in nodes if isinstance(n, DEFINITIONS)]
    exec(compile(ast.Module(found, []), f'<{name}>', 'exec'), module.__dict__)
    return module

def note(text): print(text, file=sys.stderr, flush=True)
def load_average(): return round(os.getloadavg()[0], 2) if hasattr(os, 'getloadavg') else None
def sha(tensors): return hashlib.sha256(b''.join(t.numpy().tobytes() for t in tensors)).hexdigest()

# Data, jobs and trainings

def datasets(args):
    "The data, as it is and as two datasets; sets the number of threads"
    import torch
    from torch.utils.data import TensorDataset
    from torchnn_really.data import load_data
    if args.threads: torch.set_num_threads(args.threads)
    d = load_data(args.data)
    args.data = d.name # so that every process uses the same
    return d, TensorDataset(d.x_train, d.y_train), TensorDataset(d.x_valid, d.y_valid)

def job_of(name, train_ds, valid_ds, **more):
    from torchnn_really.all import Mnist_CNN, Mnist_Logistic
    arch = dict(logistic=Mnist_Logistic, cnn=Mnist_CNN)[name]
    settings = dict(epochs=1) | JOBS[name] | more
    return page('03_frameworks').Job(train_ds, valid_ds, arch, **settings)

def shorter(job, train, valid=None):
    from torch.utils.data import TensorDataset
    train_ds, valid_ds = TensorDataset(*job.train_ds[:train]), TensorDataset(*job.valid_ds[:valid])
    return job._replace(train_ds=train_ds, valid_ds=valid_ds)

def epochs_of(data, n): return n if data.name == 'mnist' else 10*n

def with_step(job, how, layout):
    "`fit` with a step of the page on a leaner one"
    import torch.nn.functional as F
    from torchnn_really.all import Mnist_CNN, fit, lean_step
    from torchnn_really.lean import cnn_step, logistic_step
    frameworks = page('03_frameworks')
    model, opt, *loaders = frameworks.start_job(job)
    model.to(memory_format=layout)
    more = dict(metrics={}, progress=False)
    if how == 'lean step': more['step'] = lean_step(opt)
    elif how != 'fit':
        more['step'] = (cnn_step if job.arch is Mnist_CNN else logistic_step)(model, opt)
    with frameworks.Stopwatch() as watch:
        history = fit(job.epochs, model, F.cross_entropy, opt, *loaders, **more)
    return frameworks.Trained(model, [row['valid_loss'] for row in history.epochs], *watch.times)

def contender(name, lean):
    "Whom a process trains as: one of the frameworks' page, or one of `LEAN`"
    import torch
    from torchnn_really.all import BatchLoader
    frameworks, how = page('03_frameworks'), name.partition(',')[0]
    if not lean: return next(c for c in frameworks.contenders if c.name == name)
    if how.startswith('tutorial'): return frameworks.Contender(name, frameworks.with_tutorial)
    layout = torch.channels_last if name.endswith(LAST) else torch.contiguous_format
    train = functools.partial(with_step, how=how, layout=layout)
    return frameworks.Contender(name, train, loader=BatchLoader)

def weights(trained): return [p.detach().clone() for p in trained.model.parameters()]

# In a process of its own

def proc(file, name):
    "What a file of Linux's /proc says of `name`; None elsewhere"
    try: lines = Path('/proc', file).read_text(encoding='utf-8').splitlines()
    except OSError: return None
    return next((l.partition(':')[2].strip() for l in lines if l.startswith(name)), None)

def in_mb(said): return int(said.split()[0]) / 2**10 # of '1024 kB'

def resident(peak=False):
    "Memory that this process holds now, or the most it has held, in MB"
    if said := proc('self/status', 'VmHWM' if peak else 'VmRSS'): return in_mb(said)
    if os.name == 'nt': return float('nan') # nothing in Python's library tells it there
    import resource
    unit = 2**20 if sys.platform == 'darwin' else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit

def reset_peak():
    "Count the most memory anew, and give back what is free, where the system can"
    with contextlib.suppress(OSError, AttributeError, TypeError): # TypeError: on Windows
        ctypes.CDLL(None).malloc_trim(0)
        Path('/proc/self/clear_refs').write_text('5', encoding='utf-8')

def calls_a_step(train, job):
    "Python functions that a step of training calls: what 40 steps call beyond what 20 do"
    def count(steps):
        calls, few = [], shorter(job, 64*steps, 64)
        sys.setprofile(lambda frame, event, arg: calls.append(1) if event == 'call' else None)
        try: train(few)
        finally: sys.setprofile(None)
        return len(calls)
    count(20) # what happens once in a process
    return (count(40) - count(20))/20

def racer(args, tell):
    "Do jobs as they are asked for, one a line"
    import torch
    from torchnn_really.all import keep_memory
    frameworks, me = page('03_frameworks'), contender(args.racer, args.lean)
    if not args.lean or KEPT in args.racer: keep_memory()
    _, *loaders = datasets(args)
    if me.imports != 'torch': importlib.import_module(me.imports)
    tell()
    for line in sys.stdin:
        asked = json.loads(line)
        job = job_of(asked['job'], *loaders, epochs=asked['epochs'], loader=me.loader)
        if asked.get('prepare'): # short trainings, which prepare the kernels as well
            few = shorter(job, 64*20)
            pairs = zip(weights(me.train(few)), weights(frameworks.with_tutorial(few)))
            off = max((a-b).abs().max().item() for a, b in pairs)
            tell(after_20=off, calls_a_step=calls_a_step(me.train, job))
            continue
        got = me.train(job)
        random = sha([torch.random.get_rng_state()])
        tell(seconds=got.seconds, cpu_seconds=got.cpu_seconds, says=got.valid_losses[-1],
             valid_loss=frameworks.checked_loss(job, got), digest=sha(weights(got)), random=random)

def fresh(args, tell):
    "Import a module after torch; unless that is all, train for 100 steps and look at the memory"
    import torch # noqa: F401
    name, module, only = args.fresh
    wall, cpu = time.perf_counter(), time.process_time()
    if module != 'torch': importlib.import_module(module)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if only == 'import': return tell(import_seconds=wall, import_cpu_seconds=cpu)
    _, *loaders = datasets(args)
    me = contender(name, False)
    reset_peak()
    me.train(shorter(job_of('cnn', *loaders, loader=me.loader), 6400))
    tell(import_seconds=wall, import_cpu_seconds=cpu, peak_mb=resident(peak=True))

def point(args, tell):
    "One point of a curve of growth"
    import torch
    from torch import nn
    from torch.utils.data import TensorDataset
    from torchnn_really.all import BatchLoader, keep_memory
    keep_memory() # as the racers
    with_fit, kind, n = page('03_frameworks').with_fit, args.point[0], int(args.point[1])
    args.threads = 1 # CPU time is then the work alone
    data, *loaders = datasets(args)
    class Wide(nn.Sequential):
        def __init__(self): super().__init__(nn.Linear(784, n), nn.ReLU(), nn.Linear(n, 10))
    job = job_of('cnn' if kind == 'batch, cnn' else 'logistic', *loaders, loader=BatchLoader,
                 lr=.01, momentum=0.) # it need not learn well here, only not break
    job = shorter(job, None, 1)
    with_fit(shorter(job, 64)) # what the first step brings
    reset_peak()
    before = resident()
    if kind == 'rows':
        rows = torch.arange(n) % len(job.train_ds)
        job = job._replace(train_ds=TensorDataset(data.x_train[rows], data.y_train[rows]))
    elif kind == 'width': job = shorter(job, 5000)._replace(arch=Wide)
    else: job = job._replace(bs=n)
    best = min((with_fit(job) for _ in range(3)), key=lambda r: r.cpu_seconds)
    mb = resident(peak=True) - before
    tell(seconds=best.seconds, cpu_seconds=best.cpu_seconds, mb=mb)

def child(args):
    "Answer on what was stdout, and let nothing else be printed there"
    out = os.fdopen(os.dup(1), 'w')
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.environ['KERAS_BACKEND'] = 'torch'
    work = racer if args.racer else fresh if args.fresh else point
    work(args, lambda **what: print(json.dumps(what), file=out, flush=True))

# In the process that asks

class Child:
    "A process that runs this file, and is asked and answers in lines of JSON"
    def __init__(self, args, *more):
        threads = ['--threads', args.threads] if args.threads else []
        command = [sys.executable, __file__, '--data', args.data, *threads, *more]
        pipes = dict.fromkeys(['stdin', 'stdout'], subprocess.PIPE)
        if not args.loud: pipes['stderr'] = subprocess.PIPE
        self.process = subprocess.Popen([str(c) for c in command], text=True, **pipes)

    def ask(self, **what):
        if what:
            self.process.stdin.write(json.dumps(what) + '\n')
            self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if answer: return json.loads(answer)
        said = self.process.stderr.read().strip().splitlines() if self.process.stderr else []
        raise RuntimeError((said or ['it ended without a word'])[-1])

    def close(self):
        try: self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()

def once(args, *more):
    "What a new process says"
    with contextlib.closing(Child(args, *more)) as new: return new.ask()

def in_turns(children, rounds, **what):
    "For each round what each process answers, by name; another one is first each time"
    names = list(children)
    for i in range(rounds):
        first = i % len(names)
        yield {name: children[name].ask(**what) for name in names[first:] + names[:first]}

# What is printed as ratios

def tell_ratios(what, found, more=''):
    spread = f'{median(found):.3f} [{min(found):.3f}–{max(found):.3f}]'
    print(f'{what:66}  {spread}, {len(found)} pairs{more}', flush=True)

def ratios(args, what, a, b):
    "Print median and range of `a`'s seconds over `b`'s, run in turns"
    clock = time.process_time if args.threads == 1 else time.perf_counter
    def seconds(f):
        start = clock()
        f()
        return clock() - start
    seconds(a), seconds(b)
    tell_ratios(what, [seconds(a)/seconds(b) for _ in range(args.pairs)])

def lean_rounds(args, model, names, epochs):
    "Rounds of `LEAN`, with new processes for each generation"
    for _ in range(GENERATIONS):
        children = {name: Child(args, '--racer', name, '--lean') for name in names}
        n = 1 + -(-args.pairs//GENERATIONS) # the first is warming up
        try:
            for one in children.values(): one.ask()
            first, *rounds = in_turns(children, n, job=model, epochs=epochs)
        finally:
            for one in children.values(): one.close()
        for name, got in first.items():
            if name.endswith(LAST): continue
            for key in ('digest', 'says', 'random'):
                if got[key] != first['tutorial'][key]: sys.exit(f'{model}, {name}: {key} differs')
        yield from rounds

def bench_lean(args):
    data, key = datasets(args)[0], 'cpu_seconds' if args.threads == 1 else 'seconds'
    for model, n in (('logistic', 2), ('cnn', 1)):
        names = [name for name in LEAN if model == 'cnn' or not name.endswith(LAST)]
        rounds = list(lean_rounds(args, model, names, epochs_of(data, n)))
        print(f'lean: {model}: weights, validation losses and random state are the tutorial\'s, '
              'to the last bit, but for channels last')
        for name in names[1:]:
            found, seconds = zip(*((r['tutorial'][key]/r[name][key], r[name][key]) for r in rounds))
            tell_ratios(f'lean: {model}: tutorial / {name}', found, f', {median(seconds):.3f} s')

def training(how, job, **more):
    "A function that trains a job's model by `fit` or `fit_and_log`, from the same seed each time"
    import torch.nn.functional as F
    def train():
        model, opt, *loaders = page('03_frameworks').start_job(job)
        how(job.epochs, model, F.cross_entropy, opt, *loaders, progress=False, **more)
    return train

def bench_track(args):
    os.environ['WANDB_SILENT'] = 'true'
    import wandb
    from torchnn_really.all import BatchLoader, fit, fit_and_log
    data, *loaders = datasets(args)
    settings = wandb.Settings(x_transaction_log_flush_interval=1)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, \
         wandb.init(mode='offline', dir=folder, settings=settings):
        for name, n in (('logistic', 2), ('cnn', 1)):
            job = job_of(name, *loaders, epochs=epochs_of(data, n), loader=BatchLoader)
            plain, each = training(fit, job), training(fit_and_log, job, log_every=1)
            ratios(args, f'track: {name} tracked / untracked', training(fit_and_log, job), plain)
            ratios(args, f'track: {name} a row a step / untracked', each, plain)
            ratios(args, f'track: {name} untracked / itself', plain, plain)

def bench_panel(args):
    from torchnn_really.all import BatchLoader, FitSettings, Mnist_CNN, TrainingControls, fit
    data, *loaders = datasets(args)
    job = job_of('cnn', *loaders, epochs=epochs_of(data, 1), loader=BatchLoader)
    settings = FitSettings(Mnist_CNN, lr=job.lr, momentum=job.momentum, epochs=job.epochs)
    panel = TrainingControls(loaders, models=(Mnist_CNN,), settings=settings)
    def steered():
        panel.past.clear()
        panel.buttons['train'].click()
        panel.run.wait(None)
        if panel.run.state != 'finished': raise panel.run.error
    plain = training(fit, job)
    ratios(args, 'panel: cnn with the panel / plain fit', steered, plain)
    ratios(args, 'panel: cnn plain fit / itself', plain, plain)

def bench_import(args):
    def fresh(code):
        timed = 'start = time.process_time()', code, 'print(time.process_time() - start)'
        command = [sys.executable, '-c', '; '.join(['import time', *timed])]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    found = [fresh('import torchnn_really.all')/fresh('import torch') for _ in range(args.pairs)]
    tell_ratios('import: torchnn_really.all / torch', found)

# The recipes

def bench_recipes(args):
    import torch
    from torchnn_really.all import load_data, load_mnist_test
    of_page, file = page('05_recipes'), HERE/'recipes.json'
    data, test, run_recipe = load_data('mnist'), load_mnist_test(), of_page.run_recipe
    recipes = {goal: of_page.Recipe.for_accuracy(goal) for goal in (97, 98, 99)}
    found = json.loads(file.read_text(encoding='utf-8')) if file.exists() else {}
    def machine():
        vectors = torch.backends.cpu.get_cpu_capability()
        return dict(cores=os.cpu_count(), vectors=vectors, bfloat16=recipes[98].bfloat16,
                    torch=torch.__version__, python=platform.python_version(), load=load_average())
    def warm_up(some): # torch prepares each kernel once
        for r in some: run_recipe(r._replace(epochs=.02), data)
    def keep(part, **what):
        found[part] = what
        file.write_text(json.dumps(found, indent=1, ensure_ascii=False) + '\n', encoding='utf-8')
        note(f'recipes: {part} written')
    def run(goal, threads, seed):
        torch.set_num_threads(threads)
        r = run_recipe(recipes[goal], data, seed)
        at_test = of_page._recipe_accuracy(recipes[goal], r.model, *test)
        return dict(goal=goal, threads=threads, seed=seed, steps=r.steps, seconds=r.seconds,
                    cpu_seconds=r.cpu_seconds, epoch_seconds=of_page._tutorial_epoch(data),
                    accuracy=r.accuracy, test=at_test)
    def in_turns(named, n):
        "Each recipe on `n` seeds, in turns: medians of CPU seconds, means of accuracy"
        warm_up(named.values())
        rows = {name: [] for name in named}
        for seed in range(110, 110+n):
            for name, r in named.items(): rows[name].append(run_recipe(r, data, seed))
        return [dict(name=name, steps=rs[0].steps, accuracy=statistics.mean(r.accuracy for r in rs),
                     cpu_seconds=median(r.cpu_seconds for r in rs)) for name, rs in rows.items()]
    if 'goals' in args.parts:
        how = dict(waiting=os.environ.get('OMP_WAIT_POLICY', 'as torch sets it'), **machine())
        warm_up(recipes.values())
        runs = ((goal, n, seed) for seed in range(100, 105) for n in (1, 2) for goal in recipes)
        rows = [run(*each) for each in runs]
        keep('goals', **how, rows=rows, load_after=load_average())
    torch.set_num_threads(1)
    if 'build' in args.parts:
        keep('build', threads=1, seeds=3, **machine(), rows=in_turns(of_page.built_up(recipes), 3))
    if 'apart' in args.parts:
        how, seeds = machine(), {97: 5, 98: 3, 99: 2}
        rows = {goal: in_turns(of_page.taken_apart(recipes[goal]), n) for goal, n in seeds.items()}
        keep('apart', threads=1, seeds=seeds, **how, rows=rows)

# The frameworks

def race(args, here):
    "All contenders in turns: what each job took, who failed and why, and the load before and after"
    children, skipped, found = {}, {}, {job: {} for job in args.jobs}
    for c in here: # one after the other: loading the data is work
        new = children[c.name] = Child(args, '--racer', c.name)
        try:
            new.ask()
            for job, rows in found.items():
                ready = new.ask(job=job, epochs=1, prepare=True)
                rows[c.name] = dict(seconds=[], cpu_seconds=[]) | ready
        except RuntimeError as e:
            skipped[c.name] = f'failed: {e}'
            children.pop(c.name).close()
            for rows in found.values(): rows.pop(c.name, None)
    note('race: everyone is ready')
    begin = load_average()
    try:
        for job, rows in found.items():
            for i, answers in enumerate(in_turns(children, args.rounds, job=job, epochs=1), 1):
                for name, got in answers.items(): take(rows[name], got, f'{name}, {job}')
                note(f'race: {job}, round {i} of {args.rounds}')
    finally:
        for one in children.values(): one.close()
    for rows in found.values():
        wanted = rows['tutorial']['digest']
        for row in rows.values(): row['same'] = row.pop('digest') == wanted
    return found, skipped, [begin, load_average()]

def take(row, got, what):
    "Add what a round brought to a contender's row"
    del got['random']
    for key in ('seconds', 'cpu_seconds'): row[key].append(round(got.pop(key), 4))
    if row.get('digest', got['digest']) != got['digest']: sys.exit(f'{what}: two runs differ')
    row |= got

def judge(found, reasons):
    "End with an error unless everyone did the same work"
    for job, name, row in ((job, *item) for job, rows in found.items() for item in rows.items()):
        loss, wanted = row['valid_loss'], found[job]['tutorial']['valid_loss']
        if abs(row['says'] - loss) > 1e-5: sys.exit(f"{name}, {job}: {row['says']} is not {loss}")
        if row['same']: continue
        text = f"{name}, {job}: validation loss {loss:.4f}, the tutorial's {wanted:.4f}"
        if not reasons.get(name): sys.exit(f'{text}: the weights differ')
        if row['after_20'] > AFTER_20: sys.exit(f"{text}; off by {row['after_20']} after 20 steps")
        print(f'race: {text}: {reasons[name]}')

def freshly(args, here):
    "Import seconds and peak memory of each contender, in turns; and who failed"
    found, failed = {}, {}
    def module(c): return 'torchnn_really.all' if c.name == 'fit' else c.imports
    for c in here:
        try: got = once(args, '--fresh', c.name, module(c), 'all')
        except RuntimeError as e: failed[c.name] = f'failed: {e}'
        else: found[c.name] = {k: v if k == 'peak_mb' else [v] for k, v in got.items()}
    again = [c for c in here if c.name in found and module(c) != 'torch']*(args.imports-1)
    for c in again:
        got = once(args, '--fresh', c.name, module(c), 'import')
        for key, value in got.items(): found[c.name][key].append(value)
    note('fresh: done')
    def rounded(v): return [round(x, 3) for x in v] if isinstance(v, list) else round(v, 1)
    rows = {name: {k: rounded(v) for k, v in row.items()} for name, row in found.items()}
    return rows, failed

def scaling(args):
    "Curves of time and memory"
    curves = {kind: [] for kind in SIZES}
    for kind, n in ((kind, n) for kind, sizes in SIZES.items() for n in sizes):
        needs, free = 2*n*784*4/2**20 if kind == 'rows' else 0, proc('meminfo', 'MemAvailable')
        if free and needs > in_mb(free):
            note(f'scaling: {kind} {n} is left out; it needs {needs:,.0f} MB of free memory')
            continue
        got = once(args, '--point', kind, n)
        curves[kind].append(dict(n=n) | {k: round(v, 4) for k, v in got.items()})
        note(f'scaling: {kind} {n} done')
    return curves

def about(args, data):
    import torch
    cpu = proc('cpuinfo', 'model name') or platform.processor() or platform.machine()
    return dict(made=datetime.date.today().isoformat(), processor=cpu, cores=os.cpu_count(),
                system=f'{platform.system()} {platform.machine()}', torch=torch.__version__,
                python=platform.python_version(), threads=torch.get_num_threads(),
                omp_wait_policy=os.environ.get('OMP_WAIT_POLICY', ''), data=data.heading,
                train_items=len(data.x_train), valid_items=len(data.x_valid), rounds=args.rounds)

def version(package):
    try: return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError: return None

def report(result):
    "The medians as lines of text"
    from torchnn_really.all import show_table
    steps, threads = -(-result['about']['train_items'] // 64), result['about']['threads']
    for job, rows in result.get('race', {}).items():
        def line(name, row):
            s, bare = row['seconds'], rows['bare loop, our batches']['seconds']
            more = median(a-b for a, b in zip(s, bare))/steps*1e6
            return dict(name=name, seconds=median(s), least=min(s), most=max(s),
                        CPU_seconds=median(row['cpu_seconds']), overhead_us_a_step=round(more, 1),
                        **{k: row[k] for k in ('calls_a_step', 'valid_loss', 'same')})
        heading = f'{job}, an epoch with its validation, {threads} threads'
        print(show_table([line(*item) for item in rows.items()], heading), '\n')
    rows = [dict(name=name, version=c['version'], peak_MB=c['peak_mb'],
                 import_seconds=median(c['import_seconds']))
            for name, c in result['contenders'].items() if 'peak_mb' in c]
    if rows: print(show_table(rows, 'fresh processes'), '\n')
    for name, why in result['skipped'].items(): print(f'skipped: {name}: {why}')

def bench_frameworks(args):
    "`race`, `fresh` and `scaling`; what is not asked for keeps its place in the file"
    frameworks, (data, *_) = page('03_frameworks'), datasets(args)
    result = json.loads(args.out.read_text(encoding='utf-8')) if args.out.exists() else {}
    began, names, here, skipped = time.monotonic(), result.setdefault('contenders', {}), [], {}
    for c in frameworks.contenders:
        if frameworks.is_installed(c): here.append(c)
        else: skipped[c.name] = f'not installed; pip install {c.package}'
        mine = version('torchnn_really' if c.name == 'fit' else c.package)
        names.setdefault(c.name, {}).update(package=c.package, version=mine)
    result['about'] = about(args, data)
    if 'race' in args.what:
        found, failed, result['about']['load'] = race(args, here)
        skipped |= failed
        judge(found, {c.name: c.differs for c in frameworks.contenders})
        result.setdefault('race', {}).update(found)
    if 'fresh' in args.what:
        found, failed = freshly(args, [c for c in here if c.name not in skipped])
        skipped |= failed
        for name, got in found.items(): names[name].update(got)
    if 'scaling' in args.what: result['scaling'] = scaling(args)
    result['skipped'] = skipped
    args.out.write_text(json.dumps(result, indent=1) + '\n', encoding='utf-8')
    report(result)
    print(f'{args.out.name} written, {(time.monotonic()-began)/60:.1f} minutes')

FRAMEWORKS = ['race', 'fresh', 'scaling']
LIBRARY = {'lean': bench_lean, 'track': bench_track, 'panel': bench_panel, 'import': bench_import,
           'recipes': bench_recipes}

def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    known, parts = [*FRAMEWORKS, *LIBRARY], ['goals', 'build', 'apart']
    p.add_argument('what', nargs='*', metavar='|'.join(known), help='default: all but recipes')
    p.add_argument('--data', choices=['auto','sample','mnist'], default='auto')
    p.add_argument('--threads', type=int, help='default: 1 for ratios, else as torch does')
    p.add_argument('--rounds', type=int, default=5, help='rounds of the race')
    p.add_argument('--jobs', nargs='+', choices=[*JOBS], default=[*JOBS], help='what is raced')
    p.add_argument('--imports', type=int, default=3, help='fresh imports of each contender')
    p.add_argument('--pairs', type=int, default=15, help='of a ratio')
    p.add_argument('--parts', nargs='+', choices=parts, default=parts, help='of recipes')
    p.add_argument('--out', type=Path, default=HERE/'bench.json', help='in place of bench.json')
    p.add_argument('--loud', action='store_true', help='show what the processes print')
    p.add_argument('--lean', action='store_true', help=argparse.SUPPRESS)
    for hidden, n in (('--racer', None), ('--fresh', 3), ('--point', 2)):
        p.add_argument(hidden, nargs=n, help=argparse.SUPPRESS)
    args = p.parse_args()
    args.what = args.what or [w for w in known if w != 'recipes']
    if wrong := set(args.what) - set(known): p.error(f"{min(wrong)} is none of {', '.join(known)}")
    return args

def main():
    args = options()
    if args.racer or args.fresh or args.point: return child(args)
    if set(FRAMEWORKS) & set(args.what): bench_frameworks(args)
    args.threads = args.threads or 1
    for what in LIBRARY:
        if what in args.what: LIBRARY[what](args)

if __name__ == '__main__': main()
