#!/usr/bin/env python3
"""Train with the panel in a real browser: page 36 in JupyterLab, and the panel alone in Voilà.

    python tools/test_controls.py [--screenshots FOLDER] [--picture FILE]

Chromium opens the page, runs all its cells, and uses the panel as a hand would. Where there is no Chromium, nothing is tested and one
line says so.
"""
import argparse, os, re, shutil, socket, subprocess, sys, tempfile, time, urllib.request
from contextlib import contextmanager
from pathlib import Path
import pages
from browse_site import AXE, FLAGS, axe_core, chromium
from controls import voila

def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]

def answers(address, process, seconds=60):
    "Wait until a server answers"
    end = time.monotonic() + seconds
    while True:
        if process.poll() is not None: sys.exit(f'{address}: its process ended with status {process.returncode}')
        try: return urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            if time.monotonic() > end: raise
            time.sleep(.3)

@contextmanager
def lab():
    "JupyterLab over a copy of the pages; gives its address, and the folder for everything it writes"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home, port = Path(folder), free_port()
        shutil.copytree(pages.NBS, home/'nbs')
        shutil.copytree(pages.ROOT/'tools', home/'tools')
        settings = home/'settings/@jupyterlab/docmanager-extension'
        settings.mkdir(parents=True)
        (settings/'plugin.jupyterlab-settings').write_text('{"autoStartDefaultKernel": true}', encoding='utf-8')
        (home/'settings/@jupyterlab/apputils-extension').mkdir(parents=True)
        (home/'settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings').write_text('{"fetchNews": "false", "checkForUpdates": false}', encoding='utf-8')
        env = {**os.environ, 'JUPYTERLAB_SETTINGS_DIR': str(home/'settings'), 'JUPYTERLAB_WORKSPACES_DIR': str(home/'workspaces'), 'JUPYTER_CONFIG_DIR': str(home/'config'), 'JUPYTER_DATA_DIR': str(home/'data'), 'JUPYTER_RUNTIME_DIR': str(home/'runtime'), 'IPYTHONDIR': str(home/'ipython'), 'TORCHNN_REALLY_DATA': 'sample', 'TORCHNN_REALLY_HOME': str(home/'cache'), 'WANDB_MODE': 'offline'}
        command = [sys.executable, '-m', 'jupyterlab', '--no-browser', '--allow-root', f'--port={port}', '--ServerApp.port_retries=0', '--IdentityProvider.token=', '--LabApp.expose_app_in_browser=True', str(home/'nbs')]
        with open(home/'log', 'wb') as log:
            process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
            try:
                answers(f'http://127.0.0.1:{port}/api', process)
                yield f'http://127.0.0.1:{port}', home
            finally:
                process.terminate()
                process.wait(20)

@contextmanager
def browser():
    "A page of a new browser"
    from playwright.sync_api import sync_playwright
    with sync_playwright() as play, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        chrome = play.chromium.launch_persistent_context(profile, executable_path=chromium(), args=FLAGS, headless=True, viewport=dict(width=1280, height=1000))
        page = chrome.new_page()
        page.set_default_timeout(60_000)
        yield page
        chrome.close()

def run_all(page, address, name):
    "Open a page in JupyterLab, run all its cells, and wait for the end"
    page.goto(f'{address}/lab/tree/{name}')
    kernel = "(() => { const w = window.jupyterapp && jupyterapp.shell.currentWidget; const k = w && w.sessionContext && w.sessionContext.session && w.sessionContext.session.kernel; return k && k.connectionStatus == 'connected' && k.status == 'idle' })()"
    page.wait_for_function(kernel)
    page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
    time.sleep(1)
    page.wait_for_function(kernel, timeout=240_000)
    errors = page.evaluate("[...document.querySelectorAll('.jp-OutputArea-output[data-mime-type=\"application/vnd.jupyter.stderr\"], [data-mime-type=\"application/vnd.jupyter.error\"]')].map(e => e.innerText.slice(-600))")
    errors = [e for e in errors if 'Error' in e]
    if errors: sys.exit(f'{name} failed in JupyterLab: {errors[0]}')

class Hand:
    "What a hand does and an eye sees in one panel"
    def __init__(self, page): self.page, self.panel = page, page.locator('.torchnn-controls').first
    def press(self, name): self.panel.locator('button', has_text=name).click()
    def status(self): return self.panel.get_by_role('status').inner_text()
    def curve(self): return len((self.panel.locator('svg polyline.training').last.get_attribute('points') or '').split())
    def digits(self): return self.panel.locator('figcaption').all_inner_texts()
    def steps(self):
        found = re.search(r'step ([\d,]+) of', self.status())
        return int(found[1].replace(',', '')) if found else 0
    def until(self, what, test, seconds=60):
        end = time.monotonic() + seconds
        while not test():
            if time.monotonic() > end: sys.exit(f'after {seconds} s still not {what}: {self.status()}')
            time.sleep(.1)
    def fill(self, label, value):
        box = self.panel.get_by_label(label, exact=True)
        box.fill(str(value))
        box.press('Enter')

def expect(truth, what):
    if not truth: sys.exit(f'not so: {what}')

def use(page, shot):
    "Everything that the panel promises"
    hand = Hand(page)
    hand.panel.scroll_into_view_if_needed()
    hand.press('Reset')
    hand.until('idle', lambda: 'idle' in hand.status())
    hand.panel.get_by_label('model', exact=True).select_option('Mnist_CNN')
    hand.fill('epochs', 200) # so that no machine is done before the hand is
    hand.press('Step')
    hand.until('one step', lambda: hand.steps() == 1)
    first = hand.digits()
    expect(len(first) == 10, f'ten digits are shown ({len(first)})')
    hand.press('Train')
    hand.until('a growing curve', lambda: hand.curve() > 20)
    grown = hand.curve()
    hand.until('a curve that grows on', lambda: hand.curve() > grown)
    slider = hand.panel.get_by_role('slider').first
    number = hand.panel.get_by_label('learning rate', exact=True)
    before = number.input_value()
    slider.focus()
    for _ in range(4): page.keyboard.press('ArrowLeft')
    hand.until('another learning rate', lambda: float(number.input_value()) < float(before))
    hand.until('other predictions', lambda: hand.digits() != first)
    shot('running')
    hand.press('Pause')
    hand.until('paused', lambda: hand.status().startswith('paused'))
    time.sleep(1)
    held = hand.steps()
    time.sleep(1)
    expect(hand.steps() == held, 'a paused run takes no steps')
    hand.press('Step')
    hand.until('one step more', lambda: hand.steps() == held + 1)
    hand.fill('learning rate', .0125)
    hand.press('Train')
    hand.until('running', lambda: hand.steps() > held + 5)
    hand.press('Stop')
    hand.until('stopped', lambda: hand.status().startswith('stopped'))
    hand.press('Code')
    hand.until('the code', lambda: ': 0.0125}' in hand.panel.locator('pre').last.inner_text() and 'StopFit' in hand.panel.locator('pre').last.inner_text())
    hand.press('Reset')
    hand.until('idle again', lambda: 'idle' in hand.status())
    hand.fill('learning rate', .1)
    hand.fill('epochs', 4)
    hand.press('Train')
    hand.until('finished', lambda: hand.status().startswith('finished'), 120)
    accuracy = float(re.search(r'accuracy ([\d.]+)', hand.status())[1])
    expect(.5 < accuracy <= 1, f'a final accuracy can be read ({accuracy})')
    expect(hand.panel.locator('table').count() >= 2, 'the matrix and the earlier runs are shown')
    shot('finished')
    return accuracy

def execute(page, code):
    "Run code in the notebook's kernel, and wait for its end"
    status = page.evaluate("code => jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({code}).done.then(m => m.content.status + ' ' + (m.content.evalue || ''))", code)
    expect(status.startswith('ok'), f'{code} ended well ({status})')

def accessible(page, axe, where):
    "What axe-core calls serious is nowhere in the panel; ipywidgets gives the handle of a slider no name, so the rate has a labelled number as well"
    if not axe: return
    page.add_script_tag(content=axe)
    found = page.evaluate(AXE, dict(include=[['.torchnn-controls']], exclude=[['.noUi-handle']]))
    expect(not found, f'the panel in {where} breaks no rule of accessibility ({"; ".join(found)})')
    expect(page.locator('.torchnn-controls [role=slider]').count() == 1, f'the panel in {where} has one slider')

def closed(page):
    "Closing a panel in the middle of a run stops the run, and takes the panel away"
    hand = Hand(page)
    hand.fill('epochs', 10_000)
    hand.press('Train')
    hand.until('running', lambda: hand.status().startswith('running'))
    execute(page, "panel.close(); assert panel.run.state == 'stopped' and not panel.run._thread.is_alive()")
    page.wait_for_function("!document.querySelector('.torchnn-controls')")

def restarted(page, home):
    "A kernel that is restarted in the middle of a tracked run leaves no run open"
    from torchnn_really.runs import list_runs
    before = set(home.rglob('offline-run-*'))
    execute(page, "again = TrainingControls(digits, settings=FitSettings(epochs=10_000)); again.inputs['track'].value = True; again.buttons['train'].click()")
    execute(page, "while again.run.steps < 50 and again.run.state == 'running': time.sleep(.1)")
    folders = set(home.rglob('offline-run-*')) - before
    expect(len(folders) == 1, f'one run was tracked ({len(folders)})')
    page.evaluate('jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()')
    state, end = None, time.monotonic() + 30
    while state != 'finished' and time.monotonic() < end:
        state = next(run.state for run in list_runs(next(iter(folders)).parent) if run.folder in folders)
        time.sleep(.5)
    expect(state == 'finished', f'the run was closed when the kernel was restarted ({state})')

def looks(page, shot, picture):
    "At the width of a phone, nothing is cut off"
    if picture:
        page.set_viewport_size(dict(width=960, height=1300))
        time.sleep(.5)
        page.locator('.torchnn-controls').first.screenshot(path=picture)
    for width in (1280, 390):
        page.set_viewport_size(dict(width=width, height=1000))
        time.sleep(.5)
        shot(f'{width}')
        wide = page.evaluate("(() => { const p = document.querySelector('.torchnn-controls'); return [p.scrollWidth, p.clientWidth] })()")
        expect(wide[0] <= wide[1] + 1, f'the panel fits {width} pixels ({wide[0]} in {wide[1]})')

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--screenshots', type=Path, metavar='FOLDER', help='save pictures of the panel here')
    p.add_argument('--picture', type=Path, metavar='FILE', help='save the picture of the panel that page 36 shows, nbs/panel.png')
    args = p.parse_args()
    folder = args.screenshots
    if not chromium(): print('skipped: the panel was not used in a browser, because there is no Chromium here (CHROMIUM=… names one)'); return
    if folder: folder.mkdir(parents=True, exist_ok=True)
    start,axe = time.monotonic(),axe_core()
    def shots(page, place):
        return lambda name: page.locator('.torchnn-controls').first.screenshot(path=folder/f'{place}-{name}.png') if folder else None
    with lab() as (address, home), browser() as page:
        run_all(page, address, 'use/21_panel.ipynb')
        played = page.locator('[id^=player-]')
        played.scroll_into_view_if_needed()
        played.locator('input').fill('0')
        expect(played.locator('output').inner_text().startswith('after step 1:'), 'the player can be scrubbed')
        accuracy = use(page, shots(page, 'lab'))
        print(f'JupyterLab: page 36 run, panel used, accuracy {accuracy:.3f}, {time.monotonic()-start:.0f} s', flush=True)
        for theme in ('Dark','Light'):
            page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", f'JupyterLab {theme}')
            page.wait_for_function("theme => document.body.dataset.jpThemeName == theme", arg=f'JupyterLab {theme}')
            time.sleep(1)
            shots(page, 'lab')(theme.lower())
            accessible(page, axe, f'JupyterLab {theme}')
        closed(page)
        restarted(page, home)
    port, start = free_port(), time.monotonic()
    with voila(port, browser=False, TORCHNN_REALLY_DATA='sample') as process, browser() as page:
        answers(f'http://127.0.0.1:{port}/', process)
        page.goto(f'http://127.0.0.1:{port}/')
        page.wait_for_selector('.torchnn-controls')
        accuracy = use(page, shots(page, 'voila'))
        accessible(page, axe, 'Voilà')
        looks(page, shots(page, 'voila'), args.picture)
    print(f'Voilà: panel used, accuracy {accuracy:.3f}, {time.monotonic()-start:.0f} s')

if __name__ == '__main__': main()
