"""Recipes: typed, frozen, and clear about what is wrong with them."""

import tomllib

import pytest
from pydantic import ValidationError

from bonestudio.errors import RecipeError
from bonestudio.places import shipped
from bonestudio.training.experiments import find_experiment, known_experiments
from bonestudio.training.recipes import read_recipe

SHIPPED = sorted(shipped("training").glob("*/*.toml"))
GOOD = """
summary = "a test"
experiment = "dcgan"
[training]
steps = 10
[options]
r1 = 0.5
"""


@pytest.fixture
def recipe_file(tmp_path):
    def write(text: str):
        path = tmp_path / "test.toml"
        path.write_text(text)
        return path

    return write


def test_a_recipe_is_read_and_frozen(recipe_file):
    recipe = read_recipe(recipe_file(GOOD))
    assert (recipe.experiment, recipe.training.steps, recipe.options.r1) == ("dcgan", 10, 0.5)
    with pytest.raises(ValidationError):
        recipe.training.steps = 11


def test_overrides_reach_every_table(recipe_file):
    recipe = read_recipe(
        recipe_file(GOOD),
        overrides=["training.steps=20", "options.norm=spectral", "seed = 4"],
        data="some folder",
    )
    assert recipe.training.steps == 20
    assert recipe.options.norm == "spectral"
    assert recipe.seed == 4
    assert recipe.data.source == "some folder"


def test_overrides_reach_into_stages(recipe_file):
    staged = GOOD.replace("steps = 10", "stages = [{samples = 8, batch = 2}]")
    recipe = read_recipe(recipe_file(staged), overrides=["training.stages.0.batch=4"])
    assert recipe.training.stages[0].batch == 4


@pytest.mark.parametrize(
    ("text", "overrides", "said"),
    [
        ("summary = ", [], "not valid TOML"),
        (GOOD + "r2 = 1", [], "unknown key 'options.r2'; did you mean 'r1'"),
        (GOOD, ["training.stepz=3"], "unknown key 'training.stepz'; did you mean 'steps'"),
        (GOOD, ["trainning.steps=3"], "unknown key 'trainning'; did you mean 'training'"),
        (GOOD, ["experiment=dcgam"], "no experiment 'dcgam'; did you mean 'dcgan'"),
        (GOOD, ["training.steps=-3"], r"wrong at 'training.steps': .*greater than 0, not -3"),
        (GOOD, ["training.steps=many"], r"wrong at 'training.steps': .*integer.*, not 'many'"),
        (GOOD, ["training.epochs=2"], "exactly one of steps, epochs and stages"),
        (GOOD, ["training.precision=fp99"], "wrong at 'training.precision'"),
        (GOOD, ["training=3"], "should have a table at 'training'"),
        (GOOD, ["training.steps.deep=3"], "'steps' is a value, not a table"),
        (GOOD, ["steps"], "write key=value"),
        (GOOD.replace('summary = "a test"', ""), [], "wrong at 'summary': Field required"),
        (
            GOOD.replace("steps = 10", "stages = [{samples = 8, bach = 2}]"),
            [],
            "unknown key 'training.stages.bach'; did you mean 'batch'",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence(recipe_file, text, overrides, said):
    with pytest.raises(RecipeError, match=said) as told:
        read_recipe(recipe_file(text), overrides=overrides)
    assert "\n" not in str(told.value).strip()


def test_a_recipe_that_extends_others_is_what_it_would_be_written_out(tmp_path):
    def write(name: str, text: str):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    write("short/toy/base.toml", GOOD + "[run]\nlog_every = 7\n")
    write("short/toy/wide.toml", 'summary = "wide"\nextends = "toy/base"\n[options]\nsize = 64\n')
    own = 'summary = "top"\nextends = "wide"\nseed = 3\n[options]\nr1 = 0.25\nbetas = [0.5, 0.9]\n'
    top = write("short/toy/top.toml", own)
    whole = write(
        "long/toy/top.toml",
        'summary = "top"\nexperiment = "dcgan"\nseed = 3\n[training]\nsteps = 10\n'
        "[options]\nr1 = 0.25\nsize = 64\nbetas = [0.5, 0.9]\n[run]\nlog_every = 7\n",
    )
    assert read_recipe(top) == read_recipe(whole)
    assert read_recipe(top).hash == read_recipe(whole).hash
    # An override comes last; a list is replaced, not lengthened; what lies below stays as it is.
    assert read_recipe(top, overrides=["options.size=32"]).options.size == 32
    assert read_recipe(top).options.betas == (0.5, 0.9)
    assert read_recipe(tmp_path / "short/toy/wide.toml").options.r1 == 0.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('extends = "toy/b"', r"toy/a extends itself, by way of 'toy/b' which extends 'toy/a'\."),
        ('extends = "toy/a"', r"toy/a extends itself, by way of 'toy/a'\."),
        ("extends = 3", "toy/a should name one other recipe after 'extends'"),
        ('extends = "density/map-nune-256"', "did you mean 'density/map-none-256'"),
        ('extends = "toy/c"', "toy/a is wrong at 'summary': Field required"),
    ],
)
def test_what_cannot_be_extended_is_one_sentence(tmp_path, text, said):
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "a.toml").write_text(text)
    (folder / "b.toml").write_text('extends = "toy/a"')
    (folder / "c.toml").write_text(GOOD)
    with pytest.raises(RecipeError, match=said) as told:
        read_recipe(folder / "a.toml")
    assert "\n" not in str(told.value).strip()


def test_a_recipe_that_is_not_there():
    with pytest.raises(RecipeError, match="did you mean 'fracture/dcgan-hands-paper'"):
        read_recipe("fracture/dcgan-hand-papr")


def test_the_hash_is_of_what_decides_the_result(recipe_file):
    path = recipe_file(GOOD)
    plain = read_recipe(path).hash
    assert read_recipe(path, data="elsewhere", overrides=["run.log_every=7"]).hash == plain
    assert read_recipe(recipe_file(GOOD + "\n# a remark\n")).hash == plain
    assert read_recipe(path, overrides=["seed=1"]).hash != plain
    assert read_recipe(path, overrides=["options.r1=0.6"]).hash != plain


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_shipped_recipe_is_valid_and_found_by_name(path):
    recipe = read_recipe(f"{path.parent.name}/{path.stem}")
    assert recipe.name == f"{path.parent.name}/{path.stem}"
    assert recipe.summary


@pytest.mark.parametrize("name", known_experiments())
def test_every_experiment_has_a_recipe(name):
    assert find_experiment(name).__doc__
    named = {tomllib.loads(path.read_text()).get("experiment") for path in SHIPPED}
    assert name in named


def test_the_faithful_dcgan_has_the_numbers_of_the_paper():
    recipe = read_recipe("fracture/dcgan-hands-paper")
    assert (recipe.training.batch, recipe.training.epochs) == (100, 100)
    assert recipe.options.generator_rate == recipe.options.discriminator_rate == 3.4e-4
    assert recipe.options.betas == (0.5, 0.999)
    assert (recipe.options.size, recipe.options.r1, recipe.options.augment) == (128, 0, False)
