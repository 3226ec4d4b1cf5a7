#!/usr/bin/env python3
"""Use the panel in JupyterLab and Voilà as a hand would; `nbs/panel.png` makes that file."""
import os, re, socket, subprocess, sys, tempfile, time
from contextlib import contextmanager
from pathlib import Path

import docs, pages
from browse_site import CHROMIUM, FLAGS, LOOK
from playwright.sync_api import expect, sync_playwright
from torchnn_really.runs import list_runs

QUIET = '{"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": true}}'
IDLE, RUN = 'look.idle()', 'code => look.run(code)'
TRACKED = """again = TrainingControls(load_data(), settings=FitSettings(epochs=10_000))
again.inputs['track'].value = True; again.buttons['train'].click()
while again.run.steps < 50 and again.run.state == 'running': time.sleep(.1)"""

def until(what, test, seconds=60):
    end = time.monotonic() + seconds
    while not test():
        if time.monotonic() > end: sys.exit(f'after {seconds} s still not so: {what}')
        time.sleep(.1)

@contextmanager
def served(home, *command):
    "The address of a server that keeps its files in `home`"
    port = 20_000 + hash(home)%20_000
    env = dict(HOME=str(home), WANDB_DIR=str(home), WANDB_MODE='offline',
               TORCHNN_REALLY_DATA='sample')
    process = subprocess.Popen([sys.executable, '-m', *command, '--no-browser', f'--port={port}'],
                               env=os.environ | env, stderr=subprocess.DEVNULL)
    try:
        until('a server', lambda: socket.socket().connect_ex(('127.0.0.1', port)) == 0)
        yield f'http://127.0.0.1:{port}/'
    finally:
        process.terminate()
        process.wait(60)

def lab(home):
    "JupyterLab over a copy of the panel's page, asking nothing"
    (home/'panel.ipynb').write_bytes((pages.NBS/'use'/'21_panel.ipynb').read_bytes())
    config = home/'.jupyter'/'labconfig'/'page_config.json'
    config.parent.mkdir(parents=True)
    config.write_text(QUIET, encoding='utf-8')
    return served(home, 'jupyterlab', '--allow-root', '--IdentityProvider.token=',
                  '--LabApp.expose_app_in_browser=True', str(home))

class Hand:
    "What a hand does and an eye sees in one panel"
    def __init__(self, page):
        self.page, self.panel = page, page.locator('.torchnn-controls').first
        self.status = self.panel.get_by_role('status')

    def box(self, label): return self.panel.get_by_label(label, exact=True)
    def digits(self): return self.panel.locator('figcaption', has_text='%').all_inner_texts()
    def steps(self): return int(re.sub(r'\D', '', self.status.inner_text().split(' of ')[0]))
    def press(self, name, says):
        self.panel.locator('button', has_text=name).click()
        expect(self.status).to_contain_text(says)
    def fill(self, label, value): self.box(label).fill(str(value)), self.box(label).press('Enter')

    def steer(self):
        "Train, turn the rate by slider and number, pause, step and stop; the code has it; train on"
        self.press('Reset', 'idle')
        self.box('model').select_option('Mnist_CNN')
        self.fill('epochs', 200) # so that no machine is done before the hand is
        self.press('Step', 'step 1 of')
        until('ten digits', lambda: len(self.digits()) == 10)
        digits, rate = self.digits(), float(self.box('learning rate').input_value())
        self.press('Train', 'running')
        for n in (20, 40): self.page.wait_for_function('n => look.drew(n)', arg=n)
        for _ in range(4): self.panel.get_by_role('slider').first.press('ArrowLeft')
        until('a lower rate', lambda: float(self.box('learning rate').input_value()) < rate)
        until('other predictions', lambda: self.digits() != digits)
        self.press('Pause', 'paused')
        time.sleep(1)
        held = self.steps()
        time.sleep(1)
        self.press('Step', f'step {held+1:,} of') # a paused run took none
        self.fill('learning rate', .0125)
        self.press('Train', 'running')
        until('more steps', lambda: self.steps() > held + 5)
        for name in ('Stop', 'Code'): self.press(name, 'stopped')
        expect(self.panel.locator('pre')).to_contain_text(re.compile(r': 0\.0125\}[\s\S]*StopFit'))
        self.press('Reset', 'idle')
        for label, value in (('learning rate', .1), ('epochs', 4)): self.fill(label, value)
        self.press('Train', 'running')
        expect(self.status).to_contain_text('finished', timeout=240_000)
        expect(self.panel.locator('table').nth(1)).to_be_visible() # the matrix and earlier runs
        assert float(re.search(r'accuracy ([\d.]+)', self.status.inner_text())[1]) > .5

    def looks(self, axe):
        "Nothing serious by axe-core; the handle of ipywidgets' slider has no name, the number has"
        expect(self.panel.get_by_role('slider')).to_have_count(1)
        if not axe: return
        self.page.add_script_tag(path=axe/'axe.min.js')
        where = dict(include=[['.torchnn-controls']], exclude=[['.noUi-handle']])
        assert not (found := self.page.evaluate('where => look.serious(where)', where)), found

    def fits(self, theme, axe=None):
        "Nothing cut off, Train on the first screen, wide charts, the theme's colours"
        for width in (390, 960, 1280):
            self.page.set_viewport_size(dict(width=width, height=800))
            self.page.wait_for_function('its => look.fits(its)', arg=[width, theme == 'dark'])
        self.looks(axe)

def in_lab(page, address, home, axe):
    "The page run; the panel used, in both themes, and closed; its kernel restarted, tracking"
    page.goto(f'{address}lab/tree/panel.ipynb')
    page.wait_for_function(IDLE)
    page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
    hand = Hand(page)
    expect(hand.panel).to_be_visible(timeout=240_000)
    page.wait_for_function(IDLE)
    expect(page.locator('[data-mime-type$="jupyter.error"]')).to_have_count(0)
    hand.steer()
    for theme in ('JupyterLab Dark', 'JupyterLab Light'):
        page.evaluate(f"jupyterapp.commands.execute('apputils:change-theme', {{theme: '{theme}'}})")
        page.wait_for_function(f"document.body.dataset.jpThemeName == '{theme}'")
        hand.looks(axe)
    hand.fill('epochs', 10_000)
    hand.press('Train', 'running')
    assert page.evaluate(RUN, "panel.close(); assert panel.run.state == 'stopped'") == 'ok'
    expect(hand.panel).to_have_count(0)
    assert page.evaluate(RUN, TRACKED) == 'ok'
    page.evaluate('look.kernel().restart()')
    until('its run is closed', lambda: [r.state for r in list_runs(home)] == ['finished'])

def in_voila(page, address, axe, picture):
    "The panel alone, light and dark, before it trains and after"
    hand = Hand(page)
    for theme in ('dark', 'light'):
        page.goto(f'{address}?theme={theme}')
        expect(hand.panel).to_contain_text('press Train')
        hand.fits(theme)
    hand.steer()
    hand.fits('light', axe)
    if picture: hand.panel.page.screenshot(path=picture[0])

if __name__ == '__main__':
    if not CHROMIUM: sys.exit(print('skipped: no Chromium here (CHROMIUM=… names one)'))
    expect.set_options(timeout=60_000)
    with sync_playwright() as play, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as top:
        chrome = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = chrome.new_page(viewport=dict(width=1280, height=1000))
        page.add_init_script(LOOK)
        axe = docs.package('axe-core')
        page.set_default_timeout(60_000)
        homes = [Path(tempfile.mkdtemp(dir=top)) for _ in range(2)]
        with lab(homes[0]) as address: in_lab(page, address, homes[0], axe)
        with served(homes[1], 'voila', str(pages.ROOT/'tools'/'panel.ipynb')) as address:
            in_voila(page, address, axe, sys.argv[1:])
        print('the panel was used in JupyterLab and in Voilà')
