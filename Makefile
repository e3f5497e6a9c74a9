# `make run` sets everything up and starts it. Programs live in .venv and node_modules, all state in var/.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
.PHONY: help setup venv node browser run test test-long check bench lock

PY := .venv/bin/python
LOG := var/log/setup.log
PIP := $(PY) -m pip install --disable-pip-version-check --no-input --progress-bar off --retries 3 --timeout 30 --no-deps
COMPILE := .venv/bin/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate \
	--python-version 3.11 --custom-compile-command "make lock"

# Each recipe is one bash script. `quietly` sends what a command says to the log; `fail` ends with one sentence.
define functions
fail() { echo "✗ $$1" >&2; exit 1; }
quietly() { mkdir -p var/log 2>/dev/null && touch $(LOG) 2>/dev/null || fail "无法写入 $(CURDIR)/var,请检查权限。"; "$$@" >> $(LOG) 2>&1; }
as_root() { [ "$$(id -u)" = 0 ] && quietly apt-get update && quietly env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$$@"; }
endef

# Side by side, then one by one what drives whole offices or measures seconds. 5: there was nothing to run.
ALONE := (prefect or browser or alone)
define tested
$(PY) -m pytest -n 2 --dist worksteal -m "$(1) and not $(ALONE)" $(ARGS) || [ $$? = 5 ]
$(PY) -m pytest -m "$(1) and $(ALONE)" $(ARGS) || [ $$? = 5 ]
endef

help: ## what there is
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

setup: venv node ## install everything into .venv and node_modules

# A venv cannot be moved: its scripts name its folder.
venv:
	@$(functions)
	want="$$(cat Makefile pyproject.toml requirements.txt | sha256sum) $(CURDIR)"
	[ "$$(cat .venv/installed 2>/dev/null)" != "$$want" ] || exit 0
	if ! { [ "$$(cat .venv/folder 2>/dev/null)" = "$(CURDIR)" ] && $(PY) -m pip --version; } >/dev/null 2>&1; then
	  echo "· 建立 Python 环境……"
	  for python in python3.11 python3.12 python3 none; do
	    $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null && break
	  done
	  [ $$python != none ] || fail "需要 Python 3.11 或 3.12,本机没有找到。"
	  quietly $$python -m venv --clear .venv ||
	    { as_root python3-venv && quietly $$python -m venv --clear .venv; } ||
	    fail "无法建立 Python 虚拟环境,请先安装 python3-venv。详见 $(LOG)。"
	  echo "$(CURDIR)" > .venv/folder
	fi
	echo "· 安装 Python 依赖,约需两三分钟……"
	quietly $(PIP) --require-hashes -r requirements.txt ||
	  fail "Python 依赖安装失败:软件源连不上,或没有所需版本。可用 PIP_INDEX_URL 指定内部软件源。详见 $(LOG)。"
	quietly $(PIP) --no-build-isolation -e . || fail "办结自身安装失败,详见 $(LOG)。"
	echo "$$want" > .venv/installed

node: venv
	@$(functions)
	want="$$(cat package.json package-lock.json .npmrc requirements-node.txt | sha256sum)"
	[ "$$(cat node_modules/installed 2>/dev/null)" != "$$want" ] || exit 0
	echo "· 安装网页资源……"
	if ! { command -v npm && node -e 'process.exit(parseInt(process.versions.node) < 18)'; } >/dev/null 2>&1; then
	  quietly $(PIP) --require-hashes -r requirements-node.txt ||
	    fail "Node.js 安装失败:软件源连不上。可用 PIP_INDEX_URL 指定内部软件源。详见 $(LOG)。"
	  export PATH="$(CURDIR)/.venv/bin:$$PATH"
	fi
	quietly npm ci --fetch-retries 2 --fetch-retry-maxtimeout 15000 --fetch-timeout 60000 ||
	  fail "网页资源安装失败:软件源连不上,或没有所需版本。可用 npm_config_registry 指定内部软件源。详见 $(LOG)。"
	echo "$$want" > node_modules/installed

# should make itself be killed, `banjie up` is told to stop
run: setup ## start everything; Ctrl-C stops it
	@exec setpriv --pdeathsig TERM .venv/bin/banjie up

browser: setup
	@$(functions)
	[ ! -x "$${BANJIE_CHROMIUM:-/usr/bin/chromium}" ] || exit 0
	[ -z "$${BANJIE_CHROMIUM:-}" ] || fail "BANJIE_CHROMIUM 指向的 $$BANJIE_CHROMIUM 不能运行。"
	echo "· 安装 Chromium……"
	as_root chromium || fail "浏览器测试需要 Chromium:请安装 chromium,或用 BANJIE_CHROMIUM 指明它的位置。"

test: browser ## the tests, under 15 minutes on two cores; ARGS="-k name" for some of them
	@$(call tested,not long)

test-long: browser ## the long forms, under 40 minutes
	@$(call tested,long)

check: setup ## lint, format, types, layers
	@.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

bench: setup ## measure; results are printed and kept in bench/results
	@$(functions)
	quietly $(PIP) --require-hashes -r requirements-bench.txt || fail "对照系统安装失败:软件源连不上。详见 $(LOG)。"
	exec $(PY) -m bench $(ARGS)

lock: ## renew the locks from pyproject.toml and package.json; UPGRADE=--upgrade takes newer versions
	@$(PIP) --quiet uv
	$(COMPILE) $(UPGRADE) --extra dev pyproject.toml -o requirements.txt
	for group in bench node; do
	  $(COMPILE) $(UPGRADE) --constraint requirements.txt --group $$group -o requirements-$$group.txt
	done
	npm install --package-lock-only
