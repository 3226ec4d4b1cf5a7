"Everything setuptools needs, read from settings.ini"
import re
from configparser import ConfigParser
from pathlib import Path
from setuptools import find_packages, setup

config = ConfigParser(delimiters=['='])
config.read('settings.ini', encoding='utf-8')
cfg = config['DEFAULT']
needs = lambda key: cfg[key].split()

def readme():
    "README.md for a package index, where links and pictures need whole addresses"
    text, there = Path('README.md').read_text(encoding='utf-8'), f"{cfg['git_url']}/blob/{cfg['branch']}"
    return re.sub(r'\]\((nbs/[^)]*|[A-Z]+\.md)\)', lambda m: f"]({there}/{m[1]}{'?raw=true'*m[1].endswith('.png')})", text)

setup(
    name=cfg['lib_name'], version=cfg['version'], description=cfg['description'],
    author=cfg['author'], author_email=cfg['author_email'], keywords=cfg['keywords'].split(), url=cfg['git_url'],
    project_urls={'Documentation': cfg['doc_host'] + cfg['doc_baseurl'], 'Source': cfg['git_url']},
    license='Apache-2.0', license_files=['LICENSE'],
    long_description=readme(), long_description_content_type='text/markdown',
    classifiers=['Development Status :: 3 - Alpha', f"Intended Audience :: {cfg['audience']}", 'Programming Language :: Python :: 3'],
    packages=find_packages(include=[cfg['lib_name'], cfg['lib_name'] + '.*']), package_data={cfg['lib_name']: ['*.npz', '*.md', 'py.typed']},
    python_requires='>=' + cfg['min_python'], install_requires=needs('requirements'),
    extras_require={name: needs(f'{name}_requirements') for name in ('dev', 'docs', 'lab', 'types')},
    entry_points={'console_scripts': needs('console_scripts'), 'nbdev': [f"{cfg['lib_name']}={cfg['lib_name']}._modidx:d"]},
    zip_safe=False)
