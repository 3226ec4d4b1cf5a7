#!/usr/bin/env python3
"""Look at every page in a browser: pa11y and linters see one rule, and no width or search.

    python tools/browse_site.py [climb/scratch.html search …]

In Chromium, light and dark, 1280 and 390 pixels wide, no page may log an error, miss a file, ask
another host, break a rule of axe-core, site.yml or look.js; search must find what queries.json
wants. A line says if Chromium or axe-core is missing."""
import json, os, shutil, sys
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

import docs, pages

BASE = pages.settings()['doc_baseurl'] + '/'
SITE = f'http://localhost{BASE}' # no server: the browser gets the files of _docs
NAMES = 'chromium', 'chromium-browser', 'google-chrome'
CHROMIUM = os.environ.get('CHROMIUM') or next(filter(None, map(shutil.which, NAMES)), None)
FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-sync']
LOOK = (pages.ROOT/'tools'/'look.js').read_text(encoding='utf-8')
QUERIES = json.loads((pages.ROOT/'tools'/'queries.json').read_text(encoding='utf-8'))

def answer(route):
    "Answer a request for the site by a file"
    file = docs.DOCS/unquote(urlsplit(route.request.url).path.removeprefix(BASE))
    route.fulfill(path=file) if file.is_file() else route.fulfill(status=404, body='not there')

@contextmanager
def browser():
    "A function that opens a page, and a list that fills with what goes wrong"
    from playwright.sync_api import sync_playwright
    with sync_playwright() as play:
        chrome = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page, wrong = chrome.new_page(), []
        def watch(event, said): page.on(event, lambda x: wrong.extend(filter(None, [said(x)])))
        page.route(f'{SITE}**', answer)
        page.add_init_script(LOOK)
        watch('request', lambda r: not r.url.startswith((SITE, 'data:', 'blob:'))
                                   and f'asks another host: {r.url}')
        watch('requestfailed', lambda r: r.failure != 'net::ERR_ABORTED' # by the next page
                                         and f'misses {r.url}: {r.failure}')
        watch('response', lambda r: r.status >= 400 and f'gets {r.status} for {r.url}')
        watch('console', lambda m: m.type == 'error' and 'Failed to load' not in m.text
                                   and f'logs: {m.text}')
        watch('pageerror', lambda e: f'fails: {e}')
        def show(path, width=1280, scheme='light'):
            page.set_viewport_size(dict(width=width, height=844))
            page.emulate_media(color_scheme=scheme)
            page.goto(SITE + path)
            page.wait_for_function('look.drawn()')
            return page
        yield show, wrong
        chrome.close()

def places(path):
    "What capital letters mean in the rules of site.yml for a page"
    page = {pages.html_name(p): p for p in pages.all_pages()}.get(path)
    return dict(PATH=page and pages.path_of(page), AT=path, SITE=docs.SITE, BASE=BASE[:-1],
                HOME=pages.settings()['git_url'], LESSON=page and pages.storey(page) == 1)

def looked_at(show, path, axe):
    "What is wrong with one page, besides what the browser tells"
    for width, scheme in ((1280, 'light'), (1280, 'dark'), (390, 'light'), (390, 'dark')):
        page = show(path, width, scheme)
        yield from page.evaluate('its => look.rules(...its)', [docs.RULES, places(path)])
        yield from (f'{found}, at {width} pixels' for found in page.evaluate('look.wide()'))
        yield from page.evaluate('look.glares()') if scheme == 'dark' else ()
        if axe and width == 1280:
            page.add_script_tag(path=axe/'axe.min.js')
            serious = page.evaluate('look.serious()')
            yield from (f'in the {scheme} scheme: {found}' for found in serious)

def ranked(show):
    "What search does not answer of what learners type; prints how often the right page leads"
    page = show('index.html')
    yield from page.evaluate('look.searched("cross_entropy")')
    found = page.evaluate('queries => look.ranked(queries)', [*QUERIES])
    right = [[page in wanted for page in three] for three, wanted in zip(found, QUERIES.values())]
    first, third = (sum(any(r[:n]) for r in right) for n in (1, 3))
    print(f'search: {first} of {len(right)} queries lead to their page first, {third} among three')
    if first < 18 or third < 20: yield f'finds others: {dict(zip(QUERIES, found))}'

def main():
    if not (docs.DOCS/'index.html').exists(): sys.exit('_docs holds no site: run make docs')
    if not CHROMIUM: sys.exit(print('skipped: no Chromium here (CHROMIUM=… names one)'))
    deck = ['slides/index.html']*(docs.DOCS/'slides').exists()
    paths = sys.argv[1:] or [*map(pages.html_name, pages.all_pages()), '404.html', *deck, 'search']
    axe, n_wrong = docs.package('axe-core'), 0
    with browser() as (show, wrong):
        for path in paths:
            look = ranked(show) if path == 'search' else looked_at(show, path, axe)
            found = dict.fromkeys([*look, *wrong])
            for line in found: print(path, line, flush=True)
            n_wrong += len(found)
            wrong.clear()
    print(f'{len(paths)} looked at, {n_wrong} problems' + ', no slides (make slides)'*(not deck))
    sys.exit(n_wrong > 0)

if __name__ == '__main__': main()
