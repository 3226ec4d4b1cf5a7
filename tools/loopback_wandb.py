"""A stand-in for W&B's server on this machine, for the tests of tracking: it takes what a run sends, and keeps it to be looked at"""
import gzip, http.server, json, re, threading
from urllib.parse import unquote

KEY = '0'*40 # a key that W&B's client accepts

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def log_message(self, *args): pass

    def body(self):
        data = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        return gzip.decompress(data) if self.headers.get('Content-Encoding') == 'gzip' else data

    def answer(self, content=b'{}', status=200, **headers):
        if not isinstance(content, bytes): content = json.dumps(content).encode()
        self.send_response(status)
        for k, v in {'Content-Type': 'application/json', 'Content-Length': str(len(content)), **headers}.items(): self.send_header(k, v)
        self.end_headers()
        self.wfile.write(content)

    def faulty(self):
        "Behave as the server's fault wants it; says whether that was an answer"
        fault = self.server.fault
        if fault == 'hangs': self.server.over.wait(60); return True
        if isinstance(fault, int): self.body(); self.answer(dict(errors=[dict(message=f'fault {fault}')]), fault); return True

    def do_GET(self):
        if not self.faulty(): self.answer(b'', 404)

    def do_PUT(self):
        if self.faulty(): return
        self.server.files[unquote(self.path.removeprefix('/upload/'))] = self.body()
        self.answer(b'')

    def do_POST(self):
        if self.faulty(): return
        data = json.loads(self.body() or b'{}')
        if self.path == '/graphql':
            name = re.search(r'(?:query|mutation)\s+(\w+)', data['query'])[1]
            self.server.asked.append(name)
            self.answer(dict(data=getattr(self.server, name, lambda v: {})((v := data.get('variables') or {}).get('input') or v)))
        else:
            self.server.streamed(data)
            self.answer({})

class Server(http.server.ThreadingHTTPServer):
    "`rows`, `summary`, `files`, `artifacts` hold what came; `fault` is None, a status such as 401, or 'hangs', and may be set at any time"
    daemon_threads = True
    def __init__(self, fault=None):
        super().__init__(('127.0.0.1', 0), Handler)
        self.fault, self.asked, self.rows, self.summary, self.console, self.files, self.artifacts, self.config = fault, [], [], {}, [], {}, {}, {}
        self.complete, self.finished, self.over = False, 0, threading.Event()
        self.address = f'http://127.0.0.1:{self.server_port}'
        threading.Thread(target=self.serve_forever, args=(.01,), daemon=True).start()

    def handle_error(self, *args): pass # clients that were killed hang up
    def __enter__(self): return self
    def __exit__(self, *args): self.over.set(); self.shutdown(); self.server_close()
    def environment(self): return dict(WANDB_BASE_URL=self.address, WANDB_API_KEY=KEY)

    # What the client asks

    def Viewer(self, v): return dict(viewer=dict(id='1', entity='me', username='me', flags='{}', teams=dict(edges=[])))
    def ServerFeaturesQuery(self, v): return dict(serverInfo=dict(features=[]))
    def UpsertBucket(self, v):
        self.config.update(json.loads(v.get('config') or '{}'))
        bucket = dict(id='bucket', name=v['name'], displayName=v.get('displayName') or v['name'], description='', config='{}', sweepName=None, historyLineCount=0,
                      project=dict(id='project', name=v['project'], entity=dict(id='entity', name='me')))
        return dict(upsertBucket=dict(bucket=bucket, inserted=True))
    def upload(self, name): return dict(name=name, uploadUrl=f'{self.address}/upload/{name}')
    def CreateRunFiles(self, v): return dict(createRunFiles=dict(runID='run', uploadHeaders=[], files=[self.upload(f) for f in v['files']]))
    def OrganizationCoreWeaveOrganizationID(self, v): return None
    def ArtifactType(self, v): return dict(project=dict(artifact=None)) # there is none of that name yet
    def CreateArtifact(self, v):
        i = f'artifact{len(self.artifacts)}'
        self.artifacts[i] = dict(name=v['artifactCollectionName'], type=v['artifactTypeName'], aliases=[a['alias'] for a in v.get('aliases') or []], metadata=v.get('metadata'), committed=False)
        return dict(createArtifact=dict(artifact=dict(id=i, state='PENDING', artifactSequence=dict(id='sequence', latestArtifact=None))))
    def CreateArtifactManifest(self, v):
        return dict(createArtifactManifest=dict(artifactManifest=dict(id='manifest', file=dict(id='file', uploadUrl=f"{self.address}/upload/manifest/{v['artifactID']}", uploadHeaders=[]))))
    def CreateArtifactFiles(self, v):
        edges = [dict(node=dict(id=f['name'], name=f['name'], displayName=f['name'], uploadUrl=f"{self.address}/upload/{f['artifactID']}/{f['name']}", uploadHeaders=[], storagePath=f['name'], uploadMultipartUrls=None, artifact=dict(id=f['artifactID']))) for f in v['artifactFiles']]
        return dict(createArtifactFiles=dict(files=dict(edges=edges)))
    def CommitArtifact(self, v):
        self.artifacts[v['artifactID']]['committed'] = True
        return dict(commitArtifact=dict(artifact=dict(id=v['artifactID'], digest='')))
    def UseArtifact(self, v): return dict(useArtifact=dict(artifact=dict(id=v['artifactID'])))

    def streamed(self, data):
        "Rows, summary and console, as a run streams them"
        for name, part in (data.get('files') or {}).items():
            if name == 'wandb-history.jsonl': self.rows += [json.loads(line) for line in part['content']]
            elif name == 'wandb-summary.json': self.summary = json.loads(part['content'][-1])
            elif name == 'output.log': self.console += part['content']
        if data.get('complete'): self.complete, self.finished = True, self.finished + 1
