"""`wsss init`: class names, copies, splits, and what is written when."""

import shutil

import pytest

from wsss_core.params import load_params

TABLE = ("image,labels", "a0,cat", "a1,dog")


def test_classes_that_look_alike_are_proposed_to_be_merged_and_merged_when_asked(own):
    own.photos("a0.jpg", "a1.jpg", "a2.jpg", "a3.jpg")
    own.text("t.csv", "image,labels", "a0,Dog", "a1,dog", "a2,cat", "a3,dog")
    assert "'Dog' and 'dog' look like one class. To merge them: --rename 'Dog=dog'" in own.said()
    own.said("--rename", "Dog=dog")
    assert own.tags() == {"a0.jpg": "dog", "a1.jpg": "dog", "a2.jpg": "cat", "a3.jpg": "dog"}
    own.said("--rename", "Dog=dog", "--rename", "cat=")
    assert own.tags()["a2.jpg"] == ""
    assert "no photograph has this tag; did you mean 'dog'?" in own.refused("--rename", "dogg=dog")


def test_a_background_that_is_a_class_of_interest_gets_a_name_of_its_own(own):
    own.photos("background/a.jpg", "dog/b.jpg").said("--rename", "background=backdrop")
    assert own.tags() == {"background/a.jpg": "backdrop", "dog/b.jpg": "dog"}


@pytest.mark.parametrize("names", [("dog/a.jpg", "dog/b.jpg"), ("train/dog/a.jpg", "val/dog/b.jpg")])
def test_one_class_in_all_photographs_is_refused_with_the_way_out(own, names):
    message = own.photos(*names).refused()
    assert "all 2 photographs bear the one class 'dog'. Only photographs without a class teach a network" in message
    assert "(in a sub-folder `background`" in message
    own.photos(*(f"{name.rpartition('dog')[0]}background/c.jpg" for name in names[:1])).said()


def test_photographs_without_any_tag_teach_nothing(own):
    own.photos("a0.jpg", "a1.jpg").text("t.csv", "image,labels", "a0,none", "a1,")
    assert "no photograph in it has a tag, so there is nothing to learn" in own.refused()


def test_rare_and_ubiquitous_classes_are_told(own):
    own.photos(*(f"a{number}.jpg" for number in range(25)))
    rows = [f"a{number},thing{';rare' if number == 3 else ''}" for number in range(24)]
    said = own.text("t.csv", "image,labels", *rows, "a24,").said()
    assert "1 class has fewer than 20 photographs (rare 1)" in said
    assert "'thing' is a tag of 24 of 25 photographs" in said


def test_the_same_photograph_in_two_folders_has_both_tags(own):
    own.photos("cat/a.jpg", "cat/b.jpg", "dog/c.jpg")
    shutil.copyfile(own.path("cat/a.jpg"), own.path("dog/z.jpg"))
    assert "1 files are copies of others and are used once (dog/z of cat/a)" in own.said()
    assert own.table()["cat/a.jpg"][0] == "cat;dog"
    assert own.table()["dog/z.jpg"] == ("", "copy")


def test_nothing_is_written_when_it_is_but_tried(own):
    before = (own.project / "params.yaml").read_bytes()
    result = own.photos("a0.jpg", "a1.jpg").text("t.csv", *TABLE).init("--dry-run")
    assert result.exit_code == 0
    assert "Nothing was written (--dry-run)." in result.output
    assert not (own.project / "labels.csv").exists()
    assert (own.project / "params.yaml").read_bytes() == before


def test_tags_that_were_corrected_in_the_table_are_not_lost(own):
    own.photos("a0.jpg", "a1.jpg").text("t.csv", *TABLE).said()
    table = own.project / "labels.csv"
    table.write_text(table.read_text().replace("a0.jpg,cat", "a0.jpg,cat;dog"))
    assert "has other tags for 1 photographs (a0.jpg), which the folder does not say" in own.refused()
    own.said("--replace")
    assert own.tags() == {"a0.jpg": "cat", "a1.jpg": "dog"}


def test_a_table_of_other_photographs_is_not_replaced(own):
    (own.project / "labels.csv").write_text("image,labels,split\nz,cat,train\n")
    own.photos("a0.jpg", "a1.jpg").text("t.csv", *TABLE)
    assert "labels.csv names none of these photographs" in own.refused()
    own.said("--table", "mine.csv")
    assert own.dataset()["labels"] == str(own.project / "mine.csv")


def test_the_split_stays_when_photographs_are_added(own):
    names = [f"{kind}/{number}.jpg" for kind in ("cat", "dog") for number in range(20)]
    own.photos(*names).said()
    before = {name: split for name, (_, split) in own.table().items()}
    assert sum(split == "val" for split in before.values()) == 4
    own.photos(*(f"{kind}/more{number}.jpg" for kind in ("cat", "dog") for number in range(20))).said()
    after = {name: split for name, (_, split) in own.table().items()}
    assert before.items() <= after.items()
    assert sum(split == "val" for split in after.values()) == 8


def test_lists_beside_the_photographs_give_the_splits(own):
    own.photos("a0.jpg", "a1.jpg", "a2.jpg").text("t.csv", *TABLE, "a2,cat")
    own.text("train.txt", "a0", "a1.jpg").text("val.txt", "a2").said()
    assert not (own.project / "labels.csv").exists(), "the project reads such lists itself"
    own.index()
    assert own.splits() == {"train": ["a0", "a1"], "val": ["a2"]}


def test_a_table_with_splits_that_the_project_reads_is_left_where_it_is(own):
    own.photos("a0.jpg", "a1.jpg", "a2.jpg")
    own.text("tags.csv", "image,labels,split", "a0,cat,train", "a1,dog,train", "a2,,val").said()
    assert not (own.project / "labels.csv").exists()
    assert own.dataset()["labels"] == "tags.csv"
    assert own.index() == {"a0": ("cat",), "a1": ("dog",), "a2": ()}


def test_comments_of_the_parameters_stay_and_the_preset_that_fits_is_told(own):
    own.photos("a0.jpg", "a1.jpg").text("t.csv", *TABLE)
    params = own.project / "params.yaml"
    params.write_text(params.read_text() + "# mine\n")
    result = own.workspace.invoke(init_command(), "../mine", "--set", "seed=3")
    assert result.exit_code == 0, result.output
    assert "voc12_mini, a MobileNetV2: there is no GPU." in result.output
    assert "train_cam.epochs 40 (not 8)" in result.output
    assert "Over all of these, as you say: seed=3." in result.output
    assert params.read_text().endswith("# mine\n")
    written = load_params(params)
    assert (written.train_cam.epochs, written.backbone.name, written.seed) == (40, "mobilenetv2_100", 3)


def init_command():
    from wsss_core.cli.init import init

    return init


def test_a_setting_that_breaks_the_parameters_writes_nothing(own):
    own.photos("a0.jpg", "a1.jpg").text("t.csv", *TABLE)
    result = own.init("--set", "seed=-1")
    assert result.exit_code == 2
    assert "seed: Input should be greater than or equal to 0" in result.output
    assert not (own.project / "labels.csv").exists()


def test_names_with_accents_signs_and_blanks_keep_their_tags(own):
    own.photos("été/a b.jpg", "été/#1 (2).jpg", "q,r/c;d.jpg", "q,r/'e\".jpg").said()
    assert own.tags() == {
        "été/a b.jpg": "été", "été/#1 (2).jpg": "été", "q,r/c;d.jpg": "q,r", "q,r/'e\".jpg": "q,r",
    }  # fmt: skip
    assert set(own.index().values()) == {("été",), ("q,r",)}
