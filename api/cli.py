"""`banjie`: the command line. Every refusal is one sentence on standard error and exit status 2.

Each command imports what it needs when it runs, so that those without a database answer at once.
"""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from models.errors import Refused

from .cli_allocate import allocate
from .cli_due import calendar_read, due
from .cli_import import app as import_app
from .cli_tally import tally

USAGE = (
    (r"Missing (?:argument|option) '([^']*)'.*", "缺少 {0}"),
    (r"Missing command.*", "缺少子命令"),
    (r"No such option: (\S+).*", "没有选项 {0}"),
    (r"No such command '([^']*)'.*", "没有命令 {0}"),
    (r"Got unexpected extra argument\S* \((.+)\)", "多出了 {0}"),
    (r"Option '([^']*)' requires .*", "选项 {0} 后面要写值"),
    (r"Invalid value for '([^']*)'.*", "{0} 的值不对"),
)
"""What the library says of a wrong call, in the words of our users."""


class Sentences(TyperGroup):
    """Turns whatever refuses into one sentence."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        words = list(sys.argv[1:] if args is None else args) or ["--help"]
        try:
            code = super().main(words, prog_name or "banjie", complete_var, False, windows_expand_args, **extra)
        except typer.Abort:
            sys.exit(130)
        except Exception as error:
            said = sentence(error)
            if said is None:
                raise
            print(said, file=sys.stderr)
            sys.exit(2)
        sys.exit(code if isinstance(code, int) else 0)


app = typer.Typer(
    name="banjie",
    help="办结：物业管理事项办理系统。",
    cls=Sentences,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
calendar_app = typer.Typer(help="放假安排。")
app.command("due")(due)
app.command("tally")(tally)
# a negative amount is no option
app.command("allocate", context_settings={"ignore_unknown_options": True})(allocate)
app.add_typer(calendar_app, name="calendar")
calendar_app.command("read")(calendar_read)
app.add_typer(import_app, name="import")

Json = Annotated[bool, typer.Option("--json", help="输出 JSON。")]


@calendar_app.callback()
def calendar_group() -> None:
    """放假安排。"""


@app.command("up")
def up_command() -> None:
    """启动全部：数据库、网页、Prefect 和后台任务；Ctrl-C 停止。"""
    from .up import up

    up()


@app.command("demo")
def demo_command(
    rate: Annotated[int, typer.Option(min=1, max=100_000, help="办公时钟比真实时间快多少倍。")] = 10_800,
    seconds: Annotated[int, typer.Option(min=0, help="多少秒后自动结束；0 为不结束。")] = 0,
) -> None:
    """另起一个演示用的办结：时钟飞快，有人照常办件，也有人拖延。"""
    from .demo import demo

    demo(rate, seconds)


@app.command()
def web() -> None:
    """只启动网页；数据库用 BANJIE_DATABASE_URL，或正在运行的内置数据库。"""
    import os

    import uvicorn

    from models.settings import settings

    from .setup import office

    with office() as urls:
        os.environ["BANJIE_DATABASE_URL"] = urls.app
        settings.cache_clear()
        config = settings()
        print(f"网页地址：http://{config.host}:{config.port}", file=sys.stderr)
        uvicorn.run("api.app:create_app", factory=True, host=config.host, port=config.port, log_level="warning")


@app.command("migrate")
def migrate_command() -> None:
    """把数据库结构升级到本版本。"""
    from .setup import migrate, office

    with office() as urls:
        migrate(urls.owner)
    print("数据库结构已是最新。")


@app.command("seed")
def seed_command() -> None:
    """写入区划、规则和放假安排；试用模式下还有试用账号和样例案件。已有的不变。"""
    from models.settings import settings

    from .setup import office, seed

    with office() as urls:
        accounts = seed(urls.owner, settings().mode)
    for account in accounts:
        print(*account, sep="\t")
    if not accounts:
        print("基础数据已写入。")


@app.command()
def token(account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="账号，如 clerk。")]) -> None:
    """发给一个账号一枚 API 令牌；标准输出上只有令牌。"""
    import secrets
    from hashlib import sha256

    from sqlalchemy import select
    from sqlmodel import col

    from models.db import transaction
    from models.errors import NotFound
    from models.office import real_now
    from models.people import Person
    from models.signin import ApiToken

    from .setup import office

    secret = secrets.token_urlsafe(32)
    with office() as urls, transaction(urls.app) as session:
        person = session.scalar(select(Person).where(col(Person.account) == account, col(Person.is_active)))
        if person is None or person.id is None:
            raise NotFound(f"没有账号“{account}”。")
        digest = sha256(secret.encode()).hexdigest()
        session.add(ApiToken(token_hash=digest, person_id=person.id, label="banjie token", made_at=real_now(session)))
    print(secret)


@app.command("casetypes")
def casetypes_command(
    as_json: Json = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="输出 docs/casetypes.md。")] = False,
) -> None:
    """各类事项的环节、时限和办理动作。"""
    from models.casetypes import describe

    if as_markdown:
        print(describe.as_markdown(), end="")
        return
    described = describe.describe()
    if as_json:
        print(json.dumps(described, ensure_ascii=False))
        return
    for kind in described:
        print(f"{kind['type']}  {kind['title']}")
        for stage in kind["stages"]:
            limit = stage["limit"]
            until = f"{'期满' if limit['kind'] == 'period' else '时限'} {limit['value']}" if limit else ""
            print("", stage["name"], stage["title"], stage["desk"] or "", until, sep="\t")


@app.command("rules")
def rules_command(as_json: Json = False) -> None:
    """规则：时限、依据、是否核实、历次版本、各区的规定、用在哪里；有数据库时是本单位的，否则是随版本发布的。"""
    from .cli_rules import rules_command as rules

    rules(as_json)


@app.command("papers")
def papers_command(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="文书样张写入的文件夹。")],
) -> None:
    """每种文书一份样张（<kind>.pdf），并写出 index.json。"""
    from .cli_papers import papers_command as papers

    papers(directory)


@app.command()
def verify(as_json: Json = False) -> None:
    """核对全部案件的记录链、维修资金账和电子投票；有断裂或不平的逐件列出，退出状态为 1。"""
    from models.audit import audit
    from models.db import transaction
    from models.electronic import broken_votes
    from models.fund_accounts import unbalanced

    from .setup import office

    with office() as urls, transaction(urls.app) as session:
        found, funds, votes = audit(session), unbalanced(session), broken_votes(session)
    if as_json:
        broken = [{"number": number, "sentence": wrong} for number, wrong in found.broken]
        wrong_funds = [{"estate": name, "sentence": wrong} for name, wrong in funds]
        wrong_votes = [{"decision": title, "sentence": wrong} for title, wrong in votes]
        told = {
            "cases": found.cases, "events": found.events, "broken": broken, "funds": wrong_funds, "votes": wrong_votes,
        }  # fmt: skip
        print(json.dumps(told, ensure_ascii=False))
    else:
        for number, wrong in found.broken:
            print(f"{number}：{wrong}")
        for name, wrong in funds:
            print(f"{name}的维修资金账：{wrong}")
        for title, wrong in votes:
            print(f"{title}的电子投票：{wrong}")
        whole = f"{len(found.broken)} 件断裂" if found.broken else "全部完好"
        print(f"案件 {found.cases} 件，记录 {found.events} 条，{whole}。")
    if found.broken or funds or votes:
        raise typer.Exit(1)


def sentence(error: Exception) -> str | None:
    """What a refusal, a wrong call or setting, a database out of reach has to say; None for what is our own fault."""
    if isinstance(error, Refused):
        return error.sentence
    if hasattr(error, "format_message"):
        return f"{_usage(error.format_message())}；用法见 --help。"
    from pydantic import ValidationError
    from pydantic_settings import SettingsError
    from sqlalchemy.exc import OperationalError, ProgrammingError

    if isinstance(error, OperationalError):
        return f"连不上数据库：{str(error.orig).splitlines()[0]}"
    if isinstance(error, ProgrammingError) and "does not exist" in str(error.orig):
        return "数据库还没有建好，请先运行 banjie migrate 和 banjie seed。"
    if isinstance(error, ValidationError) and error.title == "Settings":
        wrong = error.errors()[0]
        return f"设置 BANJIE_{str(wrong['loc'][0]).upper()} 的值“{wrong['input']}”不对。"
    if isinstance(error, SettingsError):
        return f"设置有误：{error}"
    return None


def _usage(message: str) -> str:
    for pattern, said in USAGE:
        if match := re.fullmatch(pattern, message, re.DOTALL):
            return said.format(*match.groups())
    return message.rstrip(".")
