"""Records golden/kto_rows.json: the tokens that TRL's KTOTrainer makes of unpaired rows, and of pairs.

    python golden/kto_rows.py MODEL.gguf        (trl 1.16.0, transformers 5.23; SmolLM2's tokenizer)

sets:  rows of a kind, max_length, and the sequences that reach the model: label, tokens, how many of them are the
       prompt, and the same of the mismatched completion. Rows that TRL drops are not among them.
Made by KTOTrainer._prepare_dataset and its collator, the rows of a set in one batch.
"""
import json
from pathlib import Path
from types import SimpleNamespace

from datasets import Dataset
from dpo_rows import ROWS, say, talk, tokenizer
from trl import KTOTrainer
from trl.trainer.kto_trainer import DataCollatorForUnpairedPreference

PLAIN = [
    {"prompt": "The sky is", "completion": " blue.", "label": True},
    {"prompt": "The sky is ", "completion": "blue.", "label": False},  # tokens merge across the border
    {"prompt": "2+2=", "completion": "4<|im_end|>", "label": True},
    {"prompt": "Bonjour", "completion": "", "label": False},
    {"prompt": "北京是中国的首都。Wie spät ist es? It is late, and the river is long.", "completion": "Zwölf.", "label": True},
]
TALKS = [
    {"prompt": talk("What is 17 + 25?"), "completion": say("42."), "label": True},
    {"prompt": [{"role": "system", "content": "Be brief."}, *talk("Name a river.")], "completion": say("Rhine"),
     "label": False},
    {"prompt": talk("a", "b", "c"), "completion": say("There are many, for example\nthe Rhine 🙂"), "label": False},
]
PAIRS = [row for row in ROWS if isinstance(row["chosen"], str) and "prompt" in row]


def prepared(rows, max_length):
    args = SimpleNamespace(dataset_num_proc=None, max_length=max_length, per_device_train_batch_size=100)
    stub = SimpleNamespace(_tokenizer=tokenizer, calculate_KL=True, desirable_weight=1.0, undesirable_weight=1.0)
    made = KTOTrainer._prepare_dataset(stub, Dataset.from_list(rows), tokenizer, args, "train")
    batch = DataCollatorForUnpairedPreference(pad_token_id=0, max_length=max_length)([dict(row) for row in made])
    out = []
    for i in range(len(made)):
        one = {"label": bool(batch["label"][i])}
        for prefix, name in (("", "tokens"), ("KL_", "mismatched")):
            real = batch[prefix + "attention_mask"][i].bool()
            one[name] = batch[prefix + "input_ids"][i][real].tolist()
            one[name + "_prompt"] = batch[prefix + "completion_mask"][i][real].tolist().count(0)
        out.append(one)
    return out


def main():
    sets = [{"rows": rows, "max_length": n, "made": prepared(rows, n)}
            for rows in (PLAIN, TALKS, PAIRS) for n in (1024, 12 if rows is PLAIN else 24)]
    with open(Path(__file__).parent / "kto_rows.json", "w") as file:
        json.dump(sets, file, ensure_ascii=False)
        file.write("\n")
    print([len(one["made"]) for one in sets])


main()
