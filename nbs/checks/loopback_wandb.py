"""A stand-in for W&B's server, since W&B has none for tests: it keeps what a run sends"""
import gzip
import http.server
import json
import os
import re
import threading
from urllib.parse import unquote

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def log_message(self, *args): pass

    def body(self):
        data = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        return gzip.decompress(data) if self.headers.get('Content-Encoding') == 'gzip' else data

    def answer(self, content, status=200):
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def faulty(self): # behaves as the server's fault wants it; True if there is one
        fault = self.server.fault
        if fault == 'hangs': self.server.over.wait(60)
        elif fault: self.body(), self.answer(dict(errors=[dict(message=f'fault {fault}')]), fault)
        return bool(fault)

    def do_GET(self): self.faulty() or self.answer(b'', 404)

    def do_PUT(self):
        if self.faulty(): return
        self.server.files[unquote(self.path.removeprefix('/upload/'))] = self.body()
        self.answer(b'')

    def do_POST(self):
        if self.faulty(): return
        body, is_json = self.body(), self.path.startswith(('/graphql', '/files'))
        data = json.loads(body) if is_json and body else {} # not so: W&B's own measurements
        if self.path != '/graphql': return self.answer(self.server.streamed(data) or {})
        asked, name = data.get('variables') or {}, re.search(r'[qm]u\w+ (\w+)', data['query'])[1]
        reply = getattr(self.server, name, lambda v: {})
        self.answer(dict(data=reply(asked.get('input') or asked)))

class Server(http.server.ThreadingHTTPServer):
    "`rows`, `summary`, `files`, `artifacts` hold what came; `fault`: None, a status, or 'hangs'"
    daemon_threads = True
    def __init__(self, fault=None):
        super().__init__(('127.0.0.1', 0), Handler)
        self.fault, self.rows, self.summary, self.config = fault, [], {}, {}
        self.files, self.artifacts, self.finished, self.over = {}, {}, 0, threading.Event()
        self.address = f'http://127.0.0.1:{self.server_port}'
        threading.Thread(target=self.serve_forever, args=(.01,), daemon=True).start()

    def handle_error(self, *args): pass # clients that were killed hang up
    def server_close(self): self.over.set(), self.shutdown(), super().server_close()

    def environment(self, home):
        "The variables of a process that has a key for this server, and no other settings of W&B's"
        clean = {k: v for k, v in os.environ.items() if not k.startswith('WANDB_')}
        own = dict(WANDB_BASE_URL=self.address, WANDB_API_KEY='0'*40, WANDB_SILENT='true')
        return clean | own | dict(HOME=str(home), USERPROFILE=str(home))

    def streamed(self, data):
        "Rows and summary, as a run streams them"
        for name, part in (data.get('files') or {}).items():
            if name == 'wandb-history.jsonl': self.rows += map(json.loads, part['content'])
            elif name == 'wandb-summary.json': self.summary = json.loads(part['content'][-1])
        self.finished += bool(data.get('complete'))

    def upload(self, name): return dict(name=name, uploadUrl=f'{self.address}/upload/{name}')
    def ServerFeaturesQuery(self, v): return dict(serverInfo=dict(features=[]))
    def OrganizationCoreWeaveOrganizationID(self, v): return None
    def ArtifactType(self, v): return dict(project=dict(artifact=None)) # none of that name yet
    def UseArtifact(self, v): return dict(useArtifact=dict(artifact=dict(id=v['artifactID'])))
    user = dict(id='1', entity='me', username='me', flags='{}', teams=dict(edges=[]))
    def Viewer(self, v): return dict(viewer=self.user)

    def UpsertBucket(self, v):
        self.config.update(json.loads(v.get('config') or '{}'))
        project = dict(id='project', name=v['project'], entity=dict(id='entity', name='me'))
        bucket = dict(id='bucket', name=v['name'], displayName=v.get('displayName') or v['name'],
                      project=project, description='', config='{}', historyLineCount=0)
        return dict(upsertBucket=dict(bucket=bucket, inserted=True))

    def CreateRunFiles(self, v):
        return dict(createRunFiles=dict(runID='run', uploadHeaders=[],
                                        files=[self.upload(f) for f in v['files']]))

    def CreateArtifact(self, v):
        i, aliases = f'artifact{len(self.artifacts)}', [a['alias'] for a in v.get('aliases') or []]
        self.artifacts[i] = dict(name=v['artifactCollectionName'], type=v['artifactTypeName'],
                                 aliases=aliases, metadata=v.get('metadata'), committed=False)
        new = dict(id=i, state='PENDING', artifactSequence=dict(id='sequence', latestArtifact=None))
        return dict(createArtifact=dict(artifact=new))

    def CreateArtifactManifest(self, v):
        file = self.upload(f"manifest/{v['artifactID']}") | dict(id='file', uploadHeaders=[])
        return dict(createArtifactManifest=dict(artifactManifest=dict(id='manifest', file=file)))

    def CreateArtifactFiles(self, v):
        def node(name, i):
            named = dict.fromkeys(('id', 'name', 'displayName', 'storagePath'), name)
            more = dict(uploadHeaders=[], uploadMultipartUrls=None, artifact=dict(id=i))
            return self.upload(f'{i}/{name}') | named | more
        edges = [dict(node=node(f['name'], f['artifactID'])) for f in v['artifactFiles']]
        return dict(createArtifactFiles=dict(files=dict(edges=edges)))

    def CommitArtifact(self, v):
        self.artifacts[v['artifactID']]['committed'] = True
        return dict(commitArtifact=dict(artifact=dict(id=v['artifactID'], digest='')))
