"""Build dist/pixel_spectra-<version>.zip from the last commit, check its content, and print its path."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
NAME = "pixel_spectra"
MAX_BYTES = 5_000_000
VERSIONS = {
    "metadata.txt": r"^version=(\S+)$",
    "__init__.py": r'^__version__ = "([^"]+)"$',
    "CHANGELOG.md": r"^## (\d\S*)",
}
REQUIRED = {"LICENSE", "README.md", "metadata.txt", "requirements.txt", "__init__.py", "plugin.py"}
SHIPPED = REQUIRED | {
    "CHANGELOG.md", "__main__.py", "adapters", "cli", "core", "processing_provider", "resources", "ui"
}  # fmt: skip
BINARIES = {".so", ".dll", ".pyd", ".dylib", ".exe", ".whl", ".pyc"}


def declared_versions(root: Path = ROOT) -> dict[str, str]:
    """The version that each file of VERSIONS gives (the topmost one); "none" where there is none."""
    found = {name: re.search(pattern, (root / name).read_text(), re.M) for name, pattern in VERSIONS.items()}
    return {name: match[1] if match else "none" for name, match in found.items()}


def version(root: Path = ROOT) -> str:
    """The one version that all of them give."""
    declared = declared_versions(root)
    if len(set(declared.values())) != 1:
        raise SystemExit(f"The version differs: {declared}; make these files agree.")
    return declared["metadata.txt"]


def problems(package: Path) -> Iterator[str]:
    """What the plugin site, or we ourselves, would not accept of the zip."""
    size = package.stat().st_size
    if size >= MAX_BYTES:
        yield f"it has {size} bytes ({MAX_BYTES} at most)"
    with zipfile.ZipFile(package) as archive:
        members = [PurePosixPath(name) for name in archive.namelist() if not name.endswith("/")]
    tops = {path.parts[0] for path in members}
    if tops != {NAME}:
        yield f"its top folders are {sorted(tops)}, not {NAME} alone"
    inside = {path.parts[1] for path in members if path.parts[0] == NAME and len(path.parts) > 1}
    if REQUIRED - inside:
        yield f"it lacks {sorted(REQUIRED - inside)}"
    if inside - SHIPPED:
        yield f"it holds {sorted(inside - SHIPPED)}: neither in SHIPPED nor left out by .gitattributes"
    binaries = sorted(str(path) for path in members if path.suffix in BINARIES)
    if binaries:
        yield f"it holds binaries: {binaries}"


def git(*arguments: str) -> str:
    """What git answers in the project."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"git {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout


def build() -> Path:
    """Write the zip of the last commit."""
    target = ROOT / "dist" / f"{NAME}-{version()}.zip"
    target.parent.mkdir(exist_ok=True)
    target.unlink(missing_ok=True)
    git("rev-parse", "--verify", "HEAD")
    if git("status", "--porcelain"):
        print("package: changes that are not committed are not in the zip", file=sys.stderr)
    git("archive", "--format=zip", f"--prefix={NAME}/", f"--output={target}", "HEAD")
    return target


def main() -> None:
    target = build()
    found = list(problems(target))
    if found:
        raise SystemExit(f"{target.relative_to(ROOT)}: " + "; ".join(found))
    print(f"package: {target.stat().st_size} bytes, version {version()}", file=sys.stderr)
    print(target)


if __name__ == "__main__":
    main()
