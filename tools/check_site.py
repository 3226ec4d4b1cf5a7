#!/usr/bin/env python3
"""Check the built site without a browser: links, anchors, alt texts, titles, entries, nothing left raw or fetched from elsewhere.

    python tools/check_site.py

Prints one line for each problem in _docs and exits with 1 if there is any. `make docs` comes first.
"""
import ast, re, sys
from html.parser import HTMLParser
from urllib.parse import unquote
import pages
from docs import DOCS

VOID = {'area', 'base', 'br', 'col', 'embed', 'hr', 'img', 'input', 'link', 'meta', 'source', 'track', 'wbr'}
FETCHING = [('script', 'src'), ('img', 'src'), ('iframe', 'src'), ('link', 'href'), ('source', 'src'), ('video', 'src')] # what a browser gets without a click
RAW = re.compile(r'^\s*:::|@(?:fig|eq)-[\w-]+|\]\([^)\s]+\)', re.M)

class Page(HTMLParser):
    "What the checks ask of one page"
    def __init__(self, file):
        super().__init__(convert_charrefs=True)
        self.file, self.open = file, []
        self.ids, self.links, self.fetched, self.text, self.words, self.headings = set(), [], [], [], [], []
        self.title, self.description, self.without_alt, self.folded, self.neighbours = '', '', 0, 0, 0
        self.feed(file.read_text(encoding='utf-8'))

    def handle_starttag(self, tag, attributes):
        a = dict(attributes)
        if 'id' in a: self.ids.add(a['id'])
        if tag == 'a' and a.get('href'): self.links.append(a['href'])
        if tag == 'img' and not (a.get('alt') or '').strip() and a.get('role') != 'presentation': self.without_alt += 1
        if tag == 'meta' and a.get('name') == 'description': self.description = a.get('content') or ''
        if tag == 'details': self.folded += 1
        if 'pagination-link' in (a.get('class') or ''): self.neighbours += 1
        if tag in ('h1', 'h2', 'h3'): self.headings.append('')
        passive = tag == 'link' and not set((a.get('rel') or '').split()) & {'stylesheet', 'icon', 'preload', 'modulepreload', 'preconnect', 'dns-prefetch'}
        self.fetched += [a[key] for t, key in FETCHING if t == tag and a.get(key) and not passive]
        if tag not in VOID: self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            while self.open.pop() != tag: pass

    def handle_data(self, data):
        inside = set(self.open)
        if 'title' in inside and 'svg' not in inside: self.title += data
        if 'main' not in inside or inside & {'script', 'style'}: return
        if inside & {'h1', 'h2', 'h3'}: self.headings[-1] += data
        if not inside & {'code', 'pre'}: self.text.append(data)
        if 'code' in inside and not inside & {'pre', 'a', 'h1', 'h2', 'h3', 'h4', 'figcaption'}: self.words.append(data)

def public_names():
    "`{name: (page on the site, anchor)}` for every name that a module exports"
    from torchnn_really._modidx import d as index
    placed = {name: tuple(place.split('#')) for found in index['syms'].values() for name, (place, _) in found.items()}
    for page in filter(pages.number, pages.all_pages()):
        module = pages.exports_to(pages.read(page))
        if not module or module == 'all' or not pages.module_file(module).exists(): continue
        body = ast.parse(pages.module_file(module).read_text(encoding='utf-8')).body
        public = next((ast.literal_eval(n.value) for n in body if isinstance(n, ast.Assign) and n.targets[0].id == '__all__' and isinstance(n.value, ast.List)), [])
        for name in public: yield name, placed.get(f'torchnn_really.{module}.{name}', (pages.html_name(page), name.lower()))

def check_links(site):
    "Every link within the site leads to a file, and to an anchor in it"
    for page in site.values():
        for link in page.links:
            path, _, anchor = link.partition('#')
            if re.match(r'[a-z]+:|//', path): continue
            target = (page.file.parent/unquote(path.partition('?')[0])).resolve() if path else page.file
            if target.is_dir(): target /= 'index.html'
            if not target.exists(): yield page, f'a link leads nowhere: {link}'
            elif anchor and target in site and unquote(anchor) not in site[target].ids: yield page, f'a link leads to no anchor: {link}'

def check_contents(site):
    "Pages have a title, a description, text, alt texts; nothing is left raw; nothing comes from another host"
    for page in site.values():
        text = ''.join(page.text)
        if not page.title.strip(): yield page, 'it has no title'
        if not page.description.strip(): yield page, 'it has no description'
        if len(text) < 150: yield page, f'it is as good as empty: {len(text)} characters of prose'
        yield from ((page, f'left raw: {found.strip()}') for found in RAW.findall(text))
        if page.without_alt: yield page, f'{page.without_alt} pictures have no alt text'
        yield from ((page, f'it asks another host for {url}') for url in page.fetched if re.match(r'(https?:)?//', url))
    for css in DOCS.rglob('*.css'):
        yield from ((None, f'{css.relative_to(DOCS)} asks another host for {url}') for url in re.findall(r'(?:url\(|@import )["\']?((?:https?:)?//[^"\')\s]+)', css.read_text(encoding='utf-8')))

def check_lessons(site):
    "Every page of the course is there, with its notebook, its neighbours, what it changed, its exercises and their folded solutions"
    for notebook in pages.all_pages():
        page = site.get(DOCS/pages.html_name(notebook))
        if not page: yield None, f'{notebook.name} has no page'; continue
        if not any('colab' in link for link in page.links): yield page, 'it has no link to Colab'
        if not any(link.endswith(f'/nbs/{notebook.name}') for link in page.links): yield page, 'it has no link to its notebook'
        if not page.neighbours: yield page, 'it leads to no previous or next page'
        exercises = sum(h.startswith('Exercise ') for h in page.headings)
        if not exercises: continue
        if not any(re.search('before and after|the loop so far', h.lower()) for h in page.headings): yield page, 'it has no section on before and after'
        if page.folded < 2*exercises: yield page, f'{page.folded} folded checks and solutions for {exercises} exercises'

def check_names(site):
    "Every exported name has an entry, and where prose mentions it as code, a link to it"
    from torchnn_really._modidx import d as index
    names = dict(public_names())
    linkable = {name.rsplit('.', 1)[1] for found in index['syms'].values() for name in found} & set(names) # nbdev knows functions and classes
    for name, (file, anchor) in names.items():
        page = site.get(DOCS/file)
        if not page or anchor not in page.ids: yield page, f'{name} has no entry'
    for page in site.values():
        loose = {w.removesuffix('()') for w in page.words} & linkable
        yield from ((page, f'{name} stands in the prose without a link') for name in sorted(loose))

def problems():
    "Every problem of the site, a line each"
    if not (DOCS/'index.html').exists(): yield f'{DOCS.name} holds no site: run make docs'; return
    site = {file.resolve(): Page(file.resolve()) for file in sorted(DOCS.glob('*.html'))}
    for check in (check_links, check_contents, check_lessons, check_names):
        yield from dict.fromkeys(f'{page.file.name}: {what}' if page else what for page, what in check(site))
    for made in ('llms.txt', 'search.json'):
        if not (DOCS/made).exists(): yield f'{made} is missing'

def main():
    found = list(problems())
    print('\n'.join(found) or f"site in order: {len(list(DOCS.glob('*.html')))} pages")
    sys.exit(bool(found))

if __name__ == '__main__': main()
