"""The certificates and tokens of one cluster, made by openssl, and the kubeconfigs that name them."""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.kube import addresses
from tests.kube.needs import program

_P256 = ("-pkeyopt", "ec_paramgen_curve:P-256")
_CA = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign", "subjectKeyIdentifier=hash")
# OpenSSL 3's strict checks, the default of Python 3.13, want all of these
_SERVER = """\
subjectAltName=IP:127.0.0.1,IP:{api},IP:{service},DNS:localhost,DNS:kubernetes,DNS:kubernetes.default.svc
authorityKeyIdentifier=keyid
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pki:
    """Where the files are, and the token of the one user, who may do everything."""

    folder: Path
    token: str

    def file(self, name: str) -> str:
        return str(self.folder / name)


def create(folder: Path) -> Pki:
    """Make everything anew in an empty folder that nobody else can read."""
    folder.mkdir(mode=0o700)
    pki = Pki(folder=folder, token=secrets.token_hex(16))
    _openssl("genpkey", "-algorithm", "EC", *_P256, "-out", pki.file("sa.key"))
    _openssl("pkey", "-in", pki.file("sa.key"), "-pubout", "-out", pki.file("sa.pub"))
    fresh = ("-newkey", "ec", *_P256, "-nodes")
    extensions = [word for extension in _CA for word in ("-addext", extension)]
    as_ca = ("-keyout", pki.file("ca.key"), "-out", pki.file("ca.crt"), "-days", "30", "-subj", "/CN=prober-kube")
    _openssl("req", "-x509", *fresh, *as_ca, *extensions)
    asked = ("-keyout", pki.file("api.key"), "-out", pki.file("api.csr"), "-subj", "/CN=kube-apiserver")
    _openssl("req", *fresh, *asked)
    (folder / "api.ext").write_text(_SERVER.format(api=addresses.node(1).ipv4, service=addresses.API_SERVICE))
    signed = ("-CA", pki.file("ca.crt"), "-CAkey", pki.file("ca.key"), "-CAcreateserial", "-days", "30")
    files = ("-in", pki.file("api.csr"), "-out", pki.file("api.crt"), "-extfile", pki.file("api.ext"))
    _openssl("x509", "-req", *signed, *files)
    (folder / "tokens.csv").write_text(f"{pki.token},admin,admin,system:masters\n")
    return pki


def kubeconfig(pki: Pki, name: str, server: str) -> str:
    """Return the kubeconfig by which the one user reaches `server`; JSON is YAML, and has no surprises."""
    authority = base64.b64encode((pki.folder / "ca.crt").read_bytes()).decode()
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": authority}}],
            "users": [{"name": name, "user": {"token": pki.token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        },
        indent=1,
    )


def _openssl(*arguments: str) -> None:
    subprocess.run([program("openssl"), *arguments], check=True, stdin=subprocess.DEVNULL, capture_output=True)
