import json
import os
import re
import subprocess
import sys
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from asl_lib.course.cli import main
from asl_lib.data.registry import find_datasets, get_dataset
from asl_lib.data.video import read_frames, write_video
from tests.conftest import ROOT, make_clips, make_frames


def test_help_is_shown_without_importing_slow_libraries():
    program = (
        "import sys; from asl_lib.course.cli import _parser; _parser().format_help(); "
        "print(sorted({'tensorflow', 'mediapipe', 'keras', 'cv2', 'pandas', 'matplotlib'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"


def test_help_names_every_command():
    output = subprocess.run(
        [sys.executable, "-m", "asl_lib.course.cli", "--help"], capture_output=True, text=True, check=True
    ).stdout
    listed = re.findall(r"^ {4}([a-z]+)\b", output, re.MULTILINE)
    assert listed == [
        "run", "batch", "ablate", "extract", "pretrain", "export", "predict", "live", "record", "teach", "lookup",
        "datasets", "classroom",
    ]  # fmt: skip


def test_the_version_command_lists_the_system_for_bug_reports(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert re.fullmatch(r"asl_lib \d+\.\d+\.\d+, \S+\n", capsys.readouterr().out)


@pytest.mark.parametrize("arguments", [["datasets"], ["datasets", "list"]])
def test_data_sets_are_listed_with_licence_size_and_what_is_downloaded(arguments, capsys, home):
    from asl_lib.data.clips import make_clips, write_clips

    row = {"path": "a.mp4", "gloss": "0071", "signer": "01"}
    write_clips(make_clips([{"clip_id": str(i), **row} for i in range(3)]), home / "data" / "karsl" / "clips.csv")
    assert main(arguments) == 0
    output = capsys.readouterr().out
    for words in ("demo: ", "teaching device", "72 MB; licence: MIT, as the course; not here", "3 clips here"):
        assert words in output
    for name in find_datasets():
        assert f"{name}: " in output


def test_a_clips_table_that_cannot_be_read_is_named_in_the_list_and_the_other_data_sets_follow(capsys, home):
    table = home / "data" / "karsl" / "clips.csv"
    table.parent.mkdir(parents=True)
    table.write_text("nonsense")
    assert main(["datasets"]) == 0
    output = capsys.readouterr().out
    assert "karsl/clips.csv has no column 'clip_id'" in output
    for name in find_datasets():
        assert f"{name}: " in output


def test_a_data_set_is_checked_in_either_folder_and_the_problems_go_to_a_table(capsys, home):
    folder = home / "elsewhere" / "recordings"
    (folder / "ana" / "HELLO").mkdir(parents=True)
    (folder / "ana" / "HELLO" / "1.mp4").write_text("no video")
    write_video(folder / "ana" / "HELLO" / "2.mp4", make_frames(3), fps=25)
    for place in ("elsewhere", "elsewhere/recordings"):
        problems = str(home / "problems.csv")
        assert main(["datasets", "check", "recordings", "--data-dir", place, "--list", problems]) == 0
        output = capsys.readouterr().out
        assert "present: 1 clip, 1 sign, 1 signer" in output
        assert "broken:  1" in output
        assert 'ana/HELLO/1.mp4,"is not a video' in (home / "problems.csv").read_text()
    assert main(["datasets", "check", "recordings"]) == 1
    assert "There is no recording in" in capsys.readouterr().err


def test_a_download_by_hand_is_explained_and_the_demo_is_rendered(capsys, home, monkeypatch):
    assert main(["datasets", "download", "karsl"]) == 1
    assert "karsl cannot be downloaded by a program. Get the RGB videos from" in capsys.readouterr().err
    monkeypatch.setattr(type(get_dataset("demo")), "prepare", lambda self, folder: make_clips(["ana"]))
    assert main(["datasets", "download", "demo"]) == 0
    assert "1 clip of 1 sign by 1 signer." in capsys.readouterr().out


def test_extraction_on_a_cluster_and_a_preview_from_the_command_line(capsys, home):
    for number in range(3):
        video = home / "data" / "recordings" / "ana" / "HELLO" / f"{number}.mp4"
        write_video(video, make_frames(3, seed=number, height=121 // 2 * 2), fps=25)
    (home / "p.yaml").write_text("dataset: recordings\nworkers: 1\n")
    assert main(["extract", str(home / "p.yaml"), "--shard", "2/2"]) == 0
    assert "1 clip extracted, 0 were there already, 0 failed." in capsys.readouterr().out
    assert (home / "data" / "recordings" / "failures.2-of-2.csv").is_file()
    assert main(["extract", str(home / "p.yaml")]) == 0
    assert "2 clips extracted, 1 were there already" in capsys.readouterr().out
    assert main(["extract", str(home / "p.yaml"), "--preview", "ana-HELLO-1.mp4"]) == 0
    assert "3 frames with their landmarks: data/recordings/preview/ana-HELLO-1.mp4.mp4" in capsys.readouterr().out
    assert (
        len([picture for _, picture in read_frames(home / "data" / "recordings" / "preview" / "ana-HELLO-1.mp4.mp4")])
        == 3
    )
    assert main(["extract", str(home / "p.yaml"), "--preview", "nobody"]) == 1
    assert "no clip 'nobody'" in capsys.readouterr().err
    assert main(["extract", str(home / "p.yaml"), "--shard", "3/2"]) == 1
    assert "shard must be like 3/100" in capsys.readouterr().err


def test_a_recording_added_later_is_found_by_the_next_extraction(capsys, home):
    (home / "p.yaml").write_text("dataset: recordings\nworkers: 1\n")
    for number in range(2):
        write_video(home / "data" / "recordings" / "ana" / "HELLO" / f"{number}.mp4", make_frames(2), fps=25)
        assert main(["extract", str(home / "p.yaml")]) == 0
        assert f"1 clip extracted, {number} were there already" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="Slurm's scripts are for bash")
def test_the_slurm_array_extracts_every_clip_once(capsys, home):
    for number in range(3):
        write_video(home / "data" / "recordings" / "ana" / "HELLO" / f"{number}.mp4", make_frames(2), fps=25)
    (home / "p.yaml").write_text("dataset: recordings\n")
    (home / ".venv" / "bin").mkdir(parents=True)
    (home / ".venv" / "bin" / "asl").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m asl_lib.course.cli "$@"\n')
    (home / ".venv" / "bin" / "asl").chmod(0o755)
    assert main(["extract", str(home / "p.yaml"), "--shard", "0/2"]) == 0
    assert "3 clips to extract" in capsys.readouterr().out
    said = [slurm_task("extract.sbatch", "p.yaml", home, task=task, tasks=2) for task in (2, 1)]
    assert ["1 clip extracted" in said[0], "2 clips extracted" in said[1]] == [True, True], said
    assert len(list((home / "data" / "recordings" / "poses").glob("*.pose"))) == 3
    assert "must be done before shard 1/2" in slurm_task("batch.sbatch", "p.yaml", home, task=1, tasks=2)
    said = slurm_task("batch.sbatch", "p.yaml", home, "--models", "nonsense", task=1, tasks=2)
    assert "There is no model 'nonsense' to train on" in said, "what follows the parameter file must be passed on"


def test_a_data_set_without_a_clips_table_is_listed_as_not_prepared(capsys, home):
    (home / "data" / "karsl").mkdir(parents=True)
    assert main(["datasets"]) == 0
    listed = capsys.readouterr().out
    assert "cite the paper; a folder is here, no clips table yet: asl datasets check karsl" in listed
    assert "C-UDA 1.0: computational use only; not here" in listed


def slurm_task(script, parameters, folder, *more, task, tasks):
    """Run one task of a job array as Slurm would; return what it says."""
    slurm = {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_ARRAY_TASK_COUNT": str(tasks), "SLURM_CPUS_PER_TASK": "1"}
    command = ["bash", str(ROOT / "scripts" / script), parameters, *more]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **slurm}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "nowhere.yaml"], "no parameter file nowhere.yaml"),
        (["run", str(ROOT / "params" / "demo.yaml"), "--set", "epoch=3"], "Did you mean 'epochs'"),
        (["run", str(ROOT / "params" / "demo.yaml"), "--set", "epochs"], "KEY=VALUE"),
        (["extract", str(ROOT / "params" / "recordings.yaml")], "There is no recording in"),
    ],
)
def test_a_user_error_prints_one_sentence_and_exits_with_1(arguments, words, capsys, home):
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("asl: ")
    assert words in error
    assert "Traceback" not in error


def test_a_closed_output_pipe_gives_no_error():
    command = [sys.executable, "-m", "asl_lib.course.cli", "datasets", "list"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        process.stdout.close()  # as `head` does
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_extract_lists_failed_clips(capsys, home):
    folder = home / "data" / "recordings"
    (folder / "ana" / "HELLO").mkdir(parents=True)
    (folder / "ana" / "HELLO" / "1.mp4").write_text("no video")
    (home / "p.yaml").write_text("dataset: recordings\nworkers: 1\n")
    assert main(["extract", str(home / "p.yaml")]) == 0
    output = capsys.readouterr().out
    assert "0 clips extracted, 0 were there already, 1 failed" in output
    assert "ana-HELLO-1.mp4: " in output
    assert "not a video" in output
    assert "data/recordings/failures.csv" in output


def test_landmark_data_sets_have_nothing_to_extract(capsys, home):
    (home / "p.yaml").write_text("dataset: fingerspelling\n")
    assert main(["extract", str(home / "p.yaml")]) == 0
    assert "nothing to extract" in capsys.readouterr().out


def test_a_trained_model_is_exported_with_its_recipe_and_the_settings_of_the_live_demo(capsys, tmp_path, home):
    from tests.training.test_fit import train

    train(tmp_path / "model")
    assert main(["export", str(tmp_path / "model")]) == 0
    printed = capsys.readouterr().out
    assert "recogniser.tflite: 0." in printed
    assert "It names every movement, and cannot be taught: There is no sign embedding" in printed
    about = json.loads((tmp_path / "model" / "export" / "recogniser.json").read_text())
    assert about["settings"]["threshold"] == 0.4
    assert main(["export", str(tmp_path / "model"), "--to", str(tmp_path / "elsewhere")]) == 0
    assert (tmp_path / "elsewhere" / "golden.json").is_file()
    assert main(["export", str(tmp_path / "model"), "--to", str(tmp_path / "elsewhere"), "--zip"]) == 0
    with zipfile.ZipFile(tmp_path / "elsewhere.zip") as archive:
        assert sorted(archive.namelist()) == ["golden.json", "recogniser.json", "recogniser.tflite"]
        assert archive.read("recogniser.tflite") == (tmp_path / "elsewhere" / "recogniser.tflite").read_bytes()
    assert "elsewhere.zip: 0." in capsys.readouterr().out
    assert main(["export", str(tmp_path / "nowhere")]) == 1
    assert "There is no" in capsys.readouterr().err


def test_the_picture_of_an_answer_never_replaces_the_photograph(capsys, tmp_path):
    photograph = tmp_path / "mine.png"
    photograph.write_bytes(b"a photograph")
    assert main(["predict", str(photograph), "--picture", str(photograph)]) == 1
    assert "choose another name with --picture" in capsys.readouterr().err
    assert photograph.read_bytes() == b"a photograph"


def test_the_folder_of_the_data_sets_may_stand_before_the_action_or_behind_it(capsys, home, tmp_path):
    (tmp_path / "recordings" / "ana" / "HELLO").mkdir(parents=True)
    (tmp_path / "recordings" / "ana" / "HELLO" / "1.mp4").write_text("no video")
    for arguments in (["--data-dir", str(tmp_path), "check", "recordings"],
                      ["check", "recordings", "--data-dir", str(tmp_path)]):  # fmt: skip
        main(["datasets", *arguments])
        assert "HELLO/1.mp4: is not a video" in capsys.readouterr().out
    assert main(["datasets", "list", "--data-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out.count("a folder is here, no clips table yet") == 1


def test_a_photograph_is_named_and_a_bad_one_does_not_stop_the_others(capsys, home):
    from PIL import Image

    from tests.training.test_images import SIZE, train

    assert main(["predict", "a.png"]) == 1
    assert "no letter_cnn under outputs/. Run notebook 08" in capsys.readouterr().err
    folder = home / "outputs" / "demo" / "letters" / "letter_cnn" / "held_out_ben"
    _, photographs, _ = train(folder, epochs=12)
    Image.fromarray(photographs.values[0]).save(home / "left.png")
    (home / "bad.png").write_bytes(b"no picture")
    picture = home / "answer.png"
    assert main(["predict", str(home / "bad.png"), str(home / "left.png"), "--picture", str(picture)]) == 1
    told = capsys.readouterr()
    assert "bad.png cannot be read" in told.err
    assert "left.png: A" in told.out
    with Image.open(picture) as drawn:
        assert drawn.size[0] > SIZE

    replace(photographs.recipe, glosses=()).save(folder / "recipe.json")  # as earlier versions wrote it
    assert main(["predict", str(home / "left.png")]) == 1
    assert "There is no letter_cnn" in capsys.readouterr().err
    assert main(["predict", str(home / "left.png"), "--model", str(folder)]) == 1
    assert "probabilities.npz must contain the glosses" in capsys.readouterr().err
    glosses = np.array(photographs.recipe.glosses)
    np.savez(folder / "probabilities.npz", glosses=glosses)
    assert main(["predict", str(home / "left.png")]) == 0
    assert "left.png: A" in capsys.readouterr().out
