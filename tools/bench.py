#!/usr/bin/env python3
"""Measure what the pages claim about speed. Nothing here is a test: it prints ratios, taken in turns within one run.

    python tools/bench.py [fit] [lean] [track] [panel] [import] [recipes] [--data auto|sample|mnist] [--pairs 15] [--threads 1]

`fit`: two epochs of logistic regression by our `fit` and loaders, against the tutorial's `fit` over `DataLoader(TensorDataset)`, the
pairs in turns, beside a control that compares the tutorial's loop with itself. It fails unless parameters, every loss and the random
state are equal to the last bit. `lean`: the same with the steps of page 29, and for the convolutional network, each in a process
of its own, with new processes every few rounds. With one thread CPU seconds are compared, with more of them seconds by the clock. `track`: `fit_and_log`, offline, against `fit`, for logistic
regression and the convolutional network, beside the same control. `import`: a fresh process that imports
`torchnn_really.all`, against one that imports torch. `recipes`, only where it is named, and on MNIST: what page 39 reads from
`nbs/recipes.json`. Each of the three recipes on five seeds with one thread and with two, then the recipes built up and taken apart, one choice at
a time, on other seeds with one thread and in turns. On a machine that does other work set OMP_WAIT_POLICY=PASSIVE.
"""
import argparse, statistics, subprocess, sys, time

def ratios(a, b, pairs):
    "Median and range of `a`'s seconds over `b`'s, run in turns"
    import torch
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    def seconds(f):
        start = clock()
        f()
        return clock() - start
    seconds(a), seconds(b)
    found = sorted(seconds(a)/seconds(b) for _ in range(pairs))
    return f'{statistics.median(found):.2f} [{found[0]:.2f}–{found[-1]:.2f}], {pairs} pairs'

def runners(args, arch, epochs, **opt_args):
    "The tutorial's training, written anew, and ours: two functions, each returns losses, validation losses, parameters, random state"
    import numpy as np, torch
    import torch.nn.functional as F
    from torch.utils.data import DataLoader, TensorDataset
    from torchnn_really.all import fit, get_data, get_model, load_data, loss_batch
    data = load_data(args.data)
    train_ds,valid_ds = TensorDataset(data.x_train, data.y_train),TensorDataset(data.x_valid, data.y_valid)
    if data.name != 'mnist': epochs *= 10

    def tutorials_batch(model, loss_func, xb, yb, opt=None):
        loss = loss_func(model(xb), yb)
        if opt is not None:
            loss.backward()
            opt.step()
            opt.zero_grad()
        return loss.item(), len(xb)

    def tutorials():
        torch.manual_seed(0)
        model,opt = get_model(arch, **opt_args)
        train_dl,valid_dl = DataLoader(train_ds, batch_size=64, shuffle=True),DataLoader(valid_ds, batch_size=128)
        losses,valid = [],[]
        for epoch in range(epochs):
            model.train()
            for xb,yb in train_dl: losses.append(tutorials_batch(model, F.cross_entropy, xb, yb, opt)[0])
            model.eval()
            with torch.no_grad(): values,sizes = zip(*[tutorials_batch(model, F.cross_entropy, xb, yb) for xb,yb in valid_dl])
            valid.append(np.sum(np.multiply(values, sizes))/np.sum(sizes))
        return torch.tensor(losses), torch.tensor(valid, dtype=torch.float64), torch.random.get_rng_state(), *(p.detach() for p in model.parameters())

    def ours(make_step=lambda model, opt: loss_batch, layout=torch.contiguous_format):
        torch.manual_seed(0)
        model,opt = get_model(lambda: arch().to(memory_format=layout), **opt_args)
        history = fit(epochs, model, F.cross_entropy, opt, *get_data(train_ds, valid_ds, 64), metrics={}, progress=False, step=make_step(model, opt))
        return history.steps, torch.tensor([e['valid_loss'] for e in history.epochs], dtype=torch.float64), torch.random.get_rng_state(), *(p.detach() for p in model.parameters())

    return tutorials,ours

def expect_same(what, a, b):
    "End if two runs are not equal to the last bit"
    import torch
    for name,x,y in zip(('losses','validation losses','random state',*['parameters']*len(a)), a, b):
        if not torch.equal(x, y): sys.exit(f"{what}: {name} differ from the tutorial's")
    print(f"{what}: losses, validation losses, random state and parameters equal to the last bit")

def bench_fit(args):
    from torchnn_really.all import Mnist_Logistic
    tutorials,ours = runners(args, Mnist_Logistic, 2, lr=.5)
    expect_same('fit', tutorials(), ours())
    print(f'fit: tutorial / ours    {ratios(tutorials, ours, args.pairs)}')
    print(f'fit: tutorial / itself  {ratios(tutorials, tutorials, args.pairs)}', flush=True)

GENERATIONS = 5 # sets of processes: how many pages one asks the system for in a step is chance, as page 38 says
LEAN = { # name: model, step, layout, memory kept?
    'tutorial': (None, 'contiguous', False), 'tutorial again': (None, 'contiguous', False), 'tutorial, memory kept': (None, 'contiguous', True), 'fit': ('usual', 'contiguous', False), 'lean step': ('lean', 'contiguous', False), 'backward written out': ('written', 'contiguous', False),
    'lean step, memory kept': ('lean', 'contiguous', True), 'backward written out, memory kept': ('written', 'contiguous', True),
    'lean step, memory kept, channels last': ('lean', 'channels_last', True), 'backward written out, memory kept, channels last': ('written', 'channels_last', True)}

def contender(args, model, name):
    "A training by name, as a function"
    import torch
    from torchnn_really import all as library
    step,layout,keep = LEAN[name]
    if keep: library.keep_memory()
    arch,epochs,opt_args,written = dict(logistic=(library.Mnist_Logistic, 2, dict(lr=.5), library.logistic_step), cnn=(library.Mnist_CNN, 1, dict(lr=.1, momentum=.9), library.cnn_step))[model]
    tutorials,ours = runners(args, arch, epochs, **opt_args)
    make_step = dict(usual=lambda model, opt: library.loss_batch, lean=lambda model, opt: library.lean_step(opt), written=written)
    if step is None: return tutorials
    return lambda: ours(make_step[step], getattr(torch, {'contiguous': 'contiguous_format'}.get(layout, layout)))

def worker(args, model, name, pipe):
    "A process that trains when it is told to, and says what came out and how long it took"
    import torch
    torch.set_num_threads(args.threads)
    train,clock = contender(args, model, name),time.process_time if args.threads == 1 else time.perf_counter
    while pipe.recv():
        start = clock()
        result = train()
        pipe.send((clock() - start, [t.numpy() for t in result]))

def in_processes(args, model, names, rounds):
    "Seconds of trainings in turns, a list of dicts, each training in a process of its own that lasts for these rounds"
    import multiprocessing, numpy as np
    spawn = multiprocessing.get_context('spawn')
    pipes,processes = {},[]
    for name in names:
        pipes[name],far = spawn.Pipe()
        processes.append(spawn.Process(target=worker, args=(args, model, name, far), daemon=True))
        processes[-1].start()
        far.close() # or nobody would notice its end
    def run(name):
        pipes[name].send(True)
        return pipes[name].recv()
    first = {name: run(name)[1] for name in pipes} # and everyone is warm
    for name,result in first.items():
        if 'channels last' not in name and not all(map(np.array_equal, result, first['tutorial'])): sys.exit(f"lean: {model}, {name}: losses, validation losses, random state or parameters differ from the tutorial's")
    found = [{name: run(name)[0] for name in pipes} for _ in range(rounds)]
    for pipe in pipes.values(): pipe.send(False)
    for p in processes: p.join()
    return found

def bench_lean(args):
    for model in ('logistic', 'cnn'):
        names = [name for name in LEAN if model == 'cnn' or 'channels last' not in name]
        rounds = [r for _ in range(GENERATIONS) for r in in_processes(args, model, names, -(-args.pairs//GENERATIONS))]
        print(f'lean: {model}: losses, validation losses, random state and parameters equal to the last bit, but for channels last')
        for name in names[1:]:
            found = sorted(r['tutorial']/r[name] for r in rounds)
            print(f"lean: {model}: tutorial / {name}  {statistics.median(found):.2f} [{found[0]:.2f}–{found[-1]:.2f}], {len(rounds)} pairs in {GENERATIONS} sets of processes; {statistics.median(r[name] for r in rounds):.3f} s", flush=True)

def bench_track(args):
    import os, tempfile
    os.environ['WANDB_SILENT'] = 'true'
    import torch, wandb
    import torch.nn.functional as F
    from torch.utils.data import TensorDataset
    from torchnn_really.all import Mnist_CNN, Mnist_Logistic, fit, fit_and_log, get_data, get_model, load_data
    data = load_data(args.data)
    train_ds,valid_ds = TensorDataset(data.x_train, data.y_train),TensorDataset(data.x_valid, data.y_valid)
    def once(how, arch, epochs, **opt_args):
        torch.manual_seed(0)
        train_dl,valid_dl = get_data(train_ds, valid_ds, 64)
        model,opt = get_model(arch, **opt_args)
        how(epochs, model, F.cross_entropy, opt, train_dl, valid_dl, progress=False)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, wandb.init(mode='offline', dir=folder, settings=wandb.Settings(x_transaction_log_flush_interval=1)):
        many = 1 if data.name == 'mnist' else 10
        for name,job in (('logistic', dict(arch=Mnist_Logistic, epochs=2*many, lr=.5)), ('cnn', dict(arch=Mnist_CNN, epochs=many, lr=.1, momentum=.9))):
            plain,tracked,each = (lambda: once(fit, **job)),(lambda: once(fit_and_log, **job)),(lambda: once(lambda *a, **k: fit_and_log(*a, log_every=1, **k), **job))
            print(f'track: {name} tracked / untracked         {ratios(tracked, plain, args.pairs)}')
            print(f'track: {name} a row a step / untracked    {ratios(each, plain, args.pairs)}')
            print(f'track: {name} untracked / itself          {ratios(plain, plain, args.pairs)}', flush=True)

def bench_panel(args):
    import torch
    import torch.nn.functional as F
    from torch.utils.data import TensorDataset
    from torchnn_really.all import FitSettings, Mnist_CNN, TrainingControls, fit, get_data, get_model, load_data
    data = load_data(args.data)
    train_ds,valid_ds = TensorDataset(data.x_train, data.y_train),TensorDataset(data.x_valid, data.y_valid)
    epochs = 1 if data.name == 'mnist' else 10
    panel = TrainingControls((train_ds, valid_ds), models=(Mnist_CNN,), settings=FitSettings(Mnist_CNN, lr=.1, momentum=.9, epochs=epochs))
    def plain():
        torch.manual_seed(0)
        loaders = get_data(train_ds, valid_ds, 64, generator=torch.Generator().manual_seed(0))
        model,opt = get_model(Mnist_CNN, lr=.1, momentum=.9)
        fit(epochs, model, F.cross_entropy, opt, *loaders, progress=False)
    def steered():
        panel.past.clear()
        panel.buttons['train'].click()
        panel.run.wait(None)
        if panel.run.state != 'finished': raise panel.run.error
    print(f'panel: cnn with the panel / plain fit  {ratios(steered, plain, args.pairs)}')
    print(f'panel: cnn plain fit / itself          {ratios(plain, plain, args.pairs)}', flush=True)

def bench_import(args):
    def fresh(code): return lambda: found.append(float(subprocess.run([sys.executable, '-c', f'import time; start = time.process_time(); {code}; print(time.process_time() - start)'], capture_output=True, text=True, check=True).stdout))
    found = []
    ours,theirs = fresh('import torchnn_really.all'),fresh('import torch')
    for _ in range(args.pairs): ours(); theirs()
    pairs = sorted(a/b for a,b in zip(found[::2], found[1::2]))
    print(f'import: torchnn_really.all / torch  {statistics.median(pairs):.3f} [{pairs[0]:.3f}–{pairs[-1]:.3f}], {args.pairs} pairs')

def bench_recipes(args):
    import json, os, platform
    from pathlib import Path
    import torch
    from torchnn_really.data import load_data
    from torchnn_really.downloads import load_mnist_test
    from torchnn_really.recipes import Recipe, recipe, recipe_accuracy, run_recipe
    data,test = load_data('mnist'),load_mnist_test()
    def load(): return os.getloadavg()[0] if hasattr(os, 'getloadavg') else None # not on Windows
    def machine(): return dict(cores=os.cpu_count(), vectors=torch.backends.cpu.get_cpu_capability(), torch=torch.__version__, python=platform.python_version(), load=load())
    def row(result): return dict(steps=result.steps, seconds=result.seconds, cpu_seconds=result.cpu_seconds, accuracy=result.accuracy)
    goals = 97,98,99
    file = Path(__file__).parent.parent/'nbs'/'recipes.json'
    found = json.loads(file.read_text(encoding='utf-8')) if file.exists() else {}
    def keep(): file.write_text(json.dumps(found, indent=1, ensure_ascii=False) + '\n', encoding='utf-8')

    if 'goals' in args.parts:
        found['goals'] = dict(waiting=os.environ.get('OMP_WAIT_POLICY', 'as torch sets it'), **machine(), rows=[])
        for goal in goals: run_recipe(recipe(goal)._replace(epochs=.02), data) # torch prepares each kernel once
        for seed in range(100, 105):
            for threads in 1,2:
                torch.set_num_threads(threads)
                for goal in goals:
                    result = run_recipe(recipe(goal), data, seed)
                    found['goals']['rows'].append(dict(goal=goal, threads=threads, seed=seed, **row(result), test=recipe_accuracy(recipe(goal), result.model, *test)))
                    print('recipes:', found['goals']['rows'][-1], flush=True)
        found['goals']['load_after'] = load()
        keep()

    def in_turns(named, seeds):
        "Each recipe on each seed, in turns: medians of CPU seconds, means of accuracy"
        rows = {name: [] for name in named}
        for r in named.values(): run_recipe(r._replace(epochs=.02), data)
        for seed in seeds:
            for name,r in named.items(): rows[name].append(run_recipe(r, data, seed))
        return [dict(name=name, steps=rs[0].steps, accuracy=statistics.mean(r.accuracy for r in rs), cpu_seconds=statistics.median(r.cpu_seconds for r in rs)) for name,rs in rows.items()]

    torch.set_num_threads(1)
    if 'build' in args.parts:
        found['build'] = dict(threads=1, seeds=3, **machine(), rows=in_turns(built(recipe), range(110, 113)))
        print(*found['build']['rows'], sep='\n', flush=True)
        keep()
    if 'apart' in args.parts:
        found['apart'] = dict(threads=1, seeds={97: 5, 98: 3, 99: 2}, **machine(), rows={goal: in_turns(taken_out(recipe(goal)), range(110, 110+n)) for goal,n in ((97,5), (98,3), (99,2))})
        print(*(r for rows in found['apart']['rows'].values() for r in rows), sep='\n', flush=True)
        keep()

def built(recipe):
    "From page 22's settings to the three recipes, one choice at a time, by name"
    r = recipe(97)
    start = r._replace(layers=((16,3,2),(16,3,2),(10,3,2)), lr=.1, momentum=.9, nesterov=False, warmup=None, weight_decay=0., smoothing=0., norm=False, views=((0,0),), channels_last=False, fused=False)
    steps = {"page 22's layers and rate": {}, 'one convolution, 6×6, stride 4': dict(layers=r.layers), 'batch normalisation': dict(norm=True), 'rate 0.5': dict(lr=.5), 'momentum 0.8': dict(momentum=.8),
             'the triangle': dict(warmup=.2), "Nesterov's momentum": dict(nesterov=True), 'label smoothing': dict(smoothing=.05), 'weight decay': dict(weight_decay=5e-4), 'fused SGD': dict(fused=True), 'three views: 97 %': dict(views=r.views),
             'a second convolution': dict(layers=recipe(98).layers), 'channels last': dict(channels_last=True), 'bfloat16: 98 %': recipe(98)._asdict(),
             'a third, and more channels': dict(layers=recipe(99).layers), '1.1 epochs': dict(epochs=recipe(99).epochs), 'moved batches: 99 %': recipe(99)._asdict()}
    named = {}
    for name,choice in steps.items(): named[name] = start = start._replace(**choice)
    return named

def taken_out(r):
    "A recipe and its variants, each with one choice undone, by name"
    changes = {'as it is': {}, 'no batch normalisation': dict(norm=False), 'no batch normalisation, rate 0.05': dict(norm=False, lr=.05), 'no momentum': dict(momentum=0., nesterov=False), "momentum, but not Nesterov's": dict(nesterov=False),
               'constant rate': dict(warmup=None), 'no warm-up': dict(warmup=0.), 'no label smoothing': dict(smoothing=0.), 'no weight decay': dict(weight_decay=0.), 'batches of 128': dict(bs=128), 'batches of 256': dict(bs=256),
               'one view': dict(views=((0,0),)), 'SGD not fused': dict(fused=False), **({'batches not moved': dict(shifts=0)} if r.shifts else {'batches moved': dict(shifts=1)}),
               **({'not channels last': dict(channels_last=False)} if r.channels_last else {'channels last': dict(channels_last=True)}), **({'in float32': dict(bfloat16=False)} if r.bfloat16 else {'in bfloat16': dict(bfloat16=True)})}
    return {name: r._replace(**change) for name,change in changes.items()}

if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('what', nargs='*', metavar='fit|lean|track|panel|import|recipes', help='default: all but recipes')
    p.add_argument('--data', choices=['auto','sample','mnist'], default='auto')
    p.add_argument('--pairs', type=int, default=15)
    p.add_argument('--threads', type=int, default=1, help='threads that torch computes with')
    p.add_argument('--parts', nargs='+', choices=['goals','build','apart'], default=['goals','build','apart'], help='of recipes')
    args = p.parse_args()
    if args.what != ['import']:
        import torch
        torch.set_num_threads(args.threads)
    benches = dict(fit=bench_fit, lean=bench_lean, track=bench_track, panel=bench_panel, **{'import': bench_import}, recipes=bench_recipes)
    for what in args.what or [name for name in benches if name != 'recipes']:
        if what not in benches: p.error(f'{what} is none of {", ".join(benches)}')
        benches[what](args)
