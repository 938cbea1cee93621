"""Commands that distributions bring under `nova.commands`."""

from __future__ import annotations

FUNCTION = '''
def brew(cups: int = 1) -> None:
    """Brew some tea."""
    print(f"{cups} cups")
'''
APPLICATION = """
import typer
app = typer.Typer()

@app.command()
def green() -> None:
    print("green tea")

@app.command()
def black() -> None:
    print("black tea")
"""


def test_a_function_is_a_command_with_options(nova, site):
    site.add("nova-plugin-tea", {"nova.commands": {"brew": "tea_one:brew"}}, {"tea_one": FUNCTION})
    assert nova("brew", "--cups", "3").out == "3 cups\n"
    assert "Brew some tea" in nova("brew", "--help").out


def test_a_typer_application_is_a_command_with_commands(nova, site):
    site.add("nova-plugin-tea", {"nova.commands": {"tea": "tea_two:app"}}, {"tea_two": APPLICATION})
    assert nova("tea", "black").out == "black tea\n"


def test_a_command_that_cannot_be_imported_is_reported_by_distribution_and_breaks_no_other(nova, site):
    site.add("nova-plugin-tea", {"nova.commands": {"brew": "tea_bad:brew"}}, {"tea_bad": "import no_such_leaf"})
    ran = nova("brew")
    assert ran.code == 1
    assert "nova-plugin-tea" in ran.err
    assert "no_such_leaf" in ran.err
    assert "Traceback" not in ran.err
    assert nova("version").code == 0


def test_a_command_that_two_distributions_claim_is_not_run(nova, site):
    for name in ("nova-plugin-tea", "nova-plugin-pot"):
        site.add(name, {"nova.commands": {"brew": "tea_one:brew"}}, {"tea_one": FUNCTION})
    ran = nova("brew")
    assert ran.code == 1
    assert "nova-plugin-tea" in ran.err
    assert "nova-plugin-pot" in ran.err


def test_a_command_of_the_core_cannot_be_taken(nova, site):
    site.add("nova-plugin-tea", {"nova.commands": {"version": "tea_one:brew"}}, {"tea_one": FUNCTION})
    assert nova("version").out.startswith("nova-core ")


def test_what_a_command_raises_is_one_line_unless_the_traceback_is_asked_for(nova, site):
    site.add("nova-plugin-tea", {"nova.commands": {"spill": "tea_oh:spill"}}, {"tea_oh": "def spill():\n  1 / 0\n"})
    quiet, loud, variable = nova("spill"), nova("--debug", "spill"), nova("spill", env={"NOVA_DEBUG": "1"})
    assert (quiet.code, "Traceback" in quiet.err) == (1, False)
    assert "ZeroDivisionError: division by zero" in quiet.err
    assert "Traceback" in loud.err
    assert "Traceback" in variable.err
