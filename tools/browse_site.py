#!/usr/bin/env python3
"""Look at every page of the built site, and at the slides, in a real browser.

    python tools/browse_site.py [--screenshots FOLDER]

Chromium opens each page from a server on this machine, light and dark, 1280 and 390 pixels wide. It is a problem if a page logs an
error, misses a file, asks another host, scrolls sideways on a phone, or breaks a rule of axe-core that counts as serious; and if
search does not find `cross_entropy`. Where there is no Chromium, nothing is checked and one line says so; where axe-core cannot be
had, all else is.
"""
import argparse, os, shutil, sys, tempfile, time
from contextlib import contextmanager
from pathlib import Path
import vendor
from docs import DOCS
from run_pages import serve

FLAGS = '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'.split()
SEARCH, FOUND = '#quarto-search input, .aa-Input', '.smalldocs-search-results a, .aa-Panel a' # smalldocs, Quarto

def chromium():
    "Where Chromium is, or None"
    return os.environ.get('CHROMIUM') or next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None)

@contextmanager
def browser(address):
    "A function that opens a page of a width and a scheme, and a list that fills with what goes wrong"
    from playwright.sync_api import sync_playwright
    with sync_playwright() as play, tempfile.TemporaryDirectory() as profile:
        chrome = play.chromium.launch_persistent_context(profile, executable_path=chromium(), args=FLAGS, headless=True)
        page, wrong = chrome.new_page(), []
        def request(r):
            if not r.url.startswith((address, 'data:', 'blob:')): wrong.append(f'asks another host for {r.url}')
        page.on('request', request)
        page.on('requestfailed', lambda r: wrong.append(f'misses {r.url}: {r.failure}') if r.failure != 'net::ERR_ABORTED' else None) # aborted: this program went on to the next page before it came, as mermaid asks for more after it has drawn
        page.on('response', lambda r: wrong.append(f'gets {r.status} for {r.url}') if r.status >= 400 else None)
        page.on('console', lambda m: wrong.append(f'logs: {m.text}') if m.type == 'error' and 'Failed to load resource' not in m.text else None)
        page.on('pageerror', lambda e: wrong.append(f'fails: {e}'))
        def show(name, width=1280, scheme='light'):
            page.set_viewport_size(dict(width=width, height=844))
            page.emulate_media(color_scheme=scheme)
            page.goto(address + name)
            page.wait_for_function("document.fonts.status == 'loaded' && [...document.querySelectorAll('pre.mermaid')].every(d => d.querySelector('svg'))")
            return page
        yield show, wrong
        chrome.close()

AXE = """async where => (await axe.run(where || document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa'], resultTypes: ['violations']})).violations
    .filter(v => ['serious', 'critical'].includes(v.impact))
    .map(v => `${v.help} (${v.id}), ${v.nodes.length} times, as ${v.nodes[0].html.slice(0, 120)}: ${v.nodes[0].any.concat(v.nodes[0].all).map(c => c.message)[0]}`)"""

def axe_core():
    "axe-core's script, or None and a line that says why"
    try: return (vendor.package('axe-core')/'axe.min.js').read_text(encoding='utf-8')
    except vendor.Missing as e: print(f'skipped: rules of accessibility ({e})')

def looked_at(show, wrong, name, axe, shots):
    "What is wrong with one page"
    for width in (1280, 390):
        for scheme in ('light', 'dark'):
            page = show(name, width, scheme)
            if shots: page.screenshot(path=shots/f"{name.removesuffix('.html')}-{width}-{scheme}.png", full_page=True)
            if page.evaluate('document.documentElement.scrollWidth') > width: wrong.append(f'scrolls sideways at {width} pixels')
            if axe and width == 1280:
                page.add_script_tag(content=axe)
                wrong += [f'in the {scheme} scheme: {found}' for found in page.evaluate(AXE)]
    yield from (f'{name} {what}' for what in dict.fromkeys(wrong))
    wrong.clear()

def searched(show, word='cross_entropy'):
    "Whether search leads to a page that has the word"
    page = show('index.html')
    page.locator(SEARCH).first.click()
    page.keyboard.type(word, delay=20)
    try:
        with page.expect_navigation(timeout=10_000): page.locator(FOUND).first.click(timeout=10_000)
    except Exception as e: yield f'search finds no {word}: {type(e).__name__}'; return
    if word not in page.locator('main').inner_text(): yield f'search for {word} leads to {page.url}, which has no such word'

def deck(show, wrong, shots):
    "What is wrong with the slides, gone through one by one"
    page = show('slides/index.html', 1280)
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    total, seen = page.evaluate('Reveal.getTotalSlides()'), 0
    for seen in range(1, 1000):
        if shots: page.screenshot(path=shots/f'slides-{seen:03}.png')
        wrong += [f'slide {seen}: {found}' for found in page.evaluate("""() => [...Reveal.getCurrentSlide().querySelectorAll('img')].filter(i => !i.alt || !i.naturalWidth).map(i => 'a picture without alt text or without pixels')""")]
        if page.evaluate('Reveal.isLastSlide()'): break
        before = page.evaluate('JSON.stringify(Reveal.getIndices())')
        page.evaluate('Reveal.next()')
        if page.evaluate('JSON.stringify(Reveal.getIndices())') == before: wrong.append(f'stops at slide {seen}'); break
    if total < 20: wrong.append(f'has {total} slides')
    yield from (f'slides: {what}' for what in dict.fromkeys(wrong))
    wrong.clear()

def problems(shots):
    "Every problem, a line each"
    axe = axe_core()
    with serve(DOCS) as address, browser(address) as (show, wrong):
        for file in sorted(DOCS.glob('*.html')): yield from looked_at(show, wrong, file.name, axe, shots)
        yield from searched(show)
        if (DOCS/'slides').exists(): yield from deck(show, wrong, shots)
        else: print('skipped: the slides, which are not there (make slides)')

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--screenshots', type=Path, metavar='FOLDER', help='save a picture of each page here, both widths and schemes')
    shots = p.parse_args().screenshots
    if not (DOCS/'index.html').exists(): sys.exit(f'{DOCS.name} holds no site: run make docs')
    if not chromium(): print('skipped: no page was looked at, because there is no Chromium here (CHROMIUM=… names one)'); return
    if shots: shots.mkdir(parents=True, exist_ok=True)
    start, found = time.monotonic(), list(problems(shots))
    print('\n'.join(found) or f"{len(list(DOCS.glob('*.html')))} pages looked at, in {time.monotonic() - start:.0f} s")
    sys.exit(bool(found))

if __name__ == '__main__': main()
