"""Scripts of others that the site, the slides and the browser checks bring along: fetched with npm once, exact versions, known bytes"""
import base64, hashlib, os, shutil, subprocess, tarfile, tempfile
import pages

FOLDER = pages.ROOT/'_vendor'
PACKAGES = { # name: version, hash of the archive, what is needed of it
    'reveal.js': ('4.6.1', 'sha512-1CW0auaXNPmwmvQ7TwpszwVxMi2Xr5cTS3J3EBC/HHgbPF32Dn7aiu/LKWDOGjMbaDwKQiGmfqcoGQ74HUHCMw==', ('dist/reveal.js', 'dist/reveal.css', 'dist/reset.css', 'LICENSE')),
    '@jupyter-widgets/html-manager': ('1.0.15', 'sha512-5thBIV6ymNgmPVOHvzx+gGy8ZSKmSazhtGw4/c4xJDVzRhG9PTeQsRjF3FUTopvFi//SABeNz1yp47bCrJ3CQA==', ('dist/embed.js', 'LICENSE')),
    'mermaid': ('11.4.1', 'sha512-Mb01JT/x6CKDWaxigwfZYuYmDZ6xtrNwNlidKZwkSrDaY9n90tdrJTV5Umk+wP1fZscGptmKFXHsXMDEVZ+Q6A==', ('dist/mermaid.esm.min.mjs', 'dist/chunks/mermaid.esm.min/', 'LICENSE')),
    'axe-core': ('4.14.1', 'sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==', ('axe.min.js', 'LICENSE'))}

class Missing(Exception): "Why a package could not be had"

def _download(name, version, known, into):
    "The archive of a package, in `into`, if its bytes are those we know"
    npm = shutil.which('npm')
    if not npm: raise Missing('npm is not installed')
    done = subprocess.run([npm, 'pack', '--silent', f'{name}@{version}'], cwd=into, capture_output=True, text=True, timeout=120)
    archives = [into/f for f in os.listdir(into) if f.endswith('.tgz')]
    if done.returncode or len(archives) != 1: raise Missing(f'npm could not fetch {name} {version}: {(done.stderr.strip().splitlines() or ["no reason given"])[-1]}')
    found = 'sha512-' + base64.b64encode(hashlib.sha512(archives[0].read_bytes()).digest()).decode()
    if found != known: raise Missing(f'{name} {version} is not the archive we know: its hash is {found}')
    return archives[0]

def package(name):
    "The folder with what is needed of a package, fetched unless it is there; `Missing` says why not"
    version, known, wanted = PACKAGES[name]
    folder = FOLDER/f"{name.replace('/', '-')}-{version}"
    if folder.exists(): return folder
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as work:
        work = pages.Path(work)
        try: archive = _download(name, version, known, work)
        except subprocess.TimeoutExpired: raise Missing(f'npm took more than two minutes over {name} {version}') from None
        with tarfile.open(archive) as tar:
            for member in tar:
                name = member.name.removeprefix('package/')
                if not member.isfile() or not name.startswith(wanted) or name.endswith('.map') or '..' in name: continue
                file = work/'package'/name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(tar.extractfile(member).read())
        (work/'package').rename(folder)
    return folder

def bring(name, destination):
    "Copy what is needed of a package into a site"
    shutil.copytree(package(name), destination, dirs_exist_ok=True)
