#!/usr/bin/env python3
"""Measure what the pages claim about speed. Nothing here is a test: it prints ratios, taken in turns within one run.

    python tools/bench.py [fit] [lean] [track] [panel] [import] [--data auto|sample|mnist] [--pairs 15] [--threads 1]

`fit`: two epochs of logistic regression by our `fit` and loaders, against the tutorial's `fit` over `DataLoader(TensorDataset)`, the
pairs in turns, beside a control that compares the tutorial's loop with itself. It fails unless parameters, every loss and the random
state are equal to the last bit. `lean`: the same with the steps of page 29, and for the convolutional network. With one thread CPU
seconds are compared, with more of them seconds by the clock. `track`: `fit_and_log`, offline, against `fit`, for logistic
regression and the convolutional network, beside the same control. `import`: a fresh process that imports
`torchnn_really.all`, against one that imports torch.
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

def bench_lean(args):
    import torch
    from torchnn_really.all import Mnist_CNN, Mnist_Logistic, cnn_step, lean_step
    def lean(model, opt): return lean_step(opt)
    tutorials,ours = runners(args, Mnist_Logistic, 2, lr=.5)
    expect_same('lean: logistic', tutorials(), ours(lean))
    print(f'lean: logistic tutorial / lean step  {ratios(tutorials, lambda: ours(lean), args.pairs)}', flush=True)
    tutorials,ours = runners(args, Mnist_CNN, 1, lr=.1, momentum=.9)
    for name,how in (('as it is', ours), ('lean step', lambda: ours(lean)), ('backward written out', lambda: ours(cnn_step))):
        expect_same(f'lean: cnn, {name}', tutorials(), how())
        print(f'lean: cnn tutorial / {name}  {ratios(tutorials, how, args.pairs)}', flush=True)
    for name,how in (('lean step', lean), ('backward written out', cnn_step)):
        print(f'lean: cnn tutorial / {name}, channels last  {ratios(tutorials, lambda: ours(how, torch.channels_last), args.pairs)}', flush=True)
    print(f'lean: cnn tutorial / itself  {ratios(tutorials, tutorials, args.pairs)}', flush=True)

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

if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('what', nargs='*', metavar='fit|lean|track|panel|import', help='default: all')
    p.add_argument('--data', choices=['auto','sample','mnist'], default='auto')
    p.add_argument('--pairs', type=int, default=15)
    p.add_argument('--threads', type=int, default=1, help='threads that torch computes with')
    args = p.parse_args()
    if args.what != ['import']:
        import torch
        torch.set_num_threads(args.threads)
    benches = dict(fit=bench_fit, lean=bench_lean, track=bench_track, panel=bench_panel, **{'import': bench_import})
    for what in args.what or benches:
        if what not in benches: p.error(f'{what} is none of {", ".join(benches)}')
        benches[what](args)
