"Everything setuptools needs, read from settings.ini"
import re
from configparser import ConfigParser
from pathlib import Path
from setuptools import find_packages, setup

config = ConfigParser(delimiters=['='])
config.read('settings.ini', encoding='utf-8')
cfg = config['DEFAULT']
needs = lambda key: cfg[key].split()
name, branch = cfg['lib_name'], cfg['branch']

def readme():
    "README.md for a package index, where links and pictures need whole addresses"
    text, there = Path('README.md').read_text(encoding='utf-8'), f"{cfg['git_url']}/blob/{branch}"
    def whole(link): return f"]({there}/{link[1]}{'?raw=true'*link[1].endswith('.png')})"
    return re.sub(r'\]\((nbs/[^)]*|[A-Z]+\.md)\)', whole, text)

CLASSIFIERS = [
    'Development Status :: 3 - Alpha', f"Intended Audience :: {cfg['audience']}",
    'Intended Audience :: Developers', 'Natural Language :: English',
    'Operating System :: OS Independent', 'Framework :: Jupyter', 'Typing :: Typed',
    'Topic :: Education', 'Topic :: Scientific/Engineering :: Artificial Intelligence',
    'Programming Language :: Python :: 3 :: Only',
    *(f'Programming Language :: Python :: {v}' for v in needs('python_versions'))]

setup(
    name=name, version=cfg['version'], description=cfg['description'], url=cfg['git_url'],
    author=cfg['author'], author_email=cfg['author_email'], keywords=needs('keywords'),
    project_urls={'Documentation': cfg['doc_host'] + cfg['doc_baseurl'], 'Source': cfg['git_url'],
                  'Changelog': f"{cfg['git_url']}/blob/{branch}/CHANGELOG.md"},
    license_expression=cfg['license'], license_files=['LICENSE', 'LICENSE-CC-BY-SA-3.0'],
    long_description=readme(), long_description_content_type='text/markdown',
    classifiers=CLASSIFIERS, packages=find_packages(include=[name, name + '.*']),
    package_data={name: ['*.npz', '*.md', 'py.typed']},
    python_requires='>=' + cfg['min_python'], install_requires=needs('requirements'),
    extras_require={e: needs(f'{e}_requirements')
                    for e in ('data', 'dev', 'docs', 'export', 'lab', 'types')},
    entry_points=dict(console_scripts=needs('console_scripts'),
                      nbdev=[f'{name}={name}._modidx:d']), zip_safe=False)
