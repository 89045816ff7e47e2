"""Records golden/dpo_rows.json: the tokens that TRL's DPOTrainer makes of preference rows.

    python golden/dpo_rows.py MODEL.gguf        (trl 1.16.0, transformers 5.23; SmolLM2's tokenizer)

rows:  the row, max_length, and the sequences that reach the model: prompt + chosen, prompt + rejected and how many
       tokens of each are the prompt; null where TRL drops the row (the prompt alone fills max_length)
Made by DPOTrainer._prepare_dataset and its collator. transformers reads the GGUF's tokenizer without its digit
splitter, so that is put back.
"""
import json, os, sys
from pathlib import Path
from types import SimpleNamespace

os.environ["HF_HUB_OFFLINE"] = "1"
from datasets import Dataset
from tokenizers import pre_tokenizers
from transformers import AutoTokenizer
from trl import DPOTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference

gguf = Path(sys.argv[1])
tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
    [pre_tokenizers.Digits(individual_digits=True),
     pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True)])


def talk(*texts):
    return [{"role": "user" if i % 2 == 0 else "assistant", "content": text} for i, text in enumerate(texts)]


def say(text):
    return [{"role": "assistant", "content": text}]


ROWS = [
    {"prompt": "The sky is", "chosen": " blue.", "rejected": " green."},
    {"prompt": "The sky is ", "chosen": "blue.", "rejected": "green, I think."},  # tokens merge across the border
    {"prompt": "2+2=", "chosen": "4<|im_end|>", "rejected": "5"},  # one answer ends already
    {"prompt": "Bonjour", "chosen": "", "rejected": " le monde"},
    {"chosen": "\n\nHuman: Hi!\n\nAssistant: Hello there.", "rejected": "\n\nHuman: Hi!\n\nAssistant: Help yourself."},
    {"chosen": "Wie spät ist es? Zwölf.", "rejected": "Wie spät ist es? Zwanzig vor zwölf."},
    {"chosen": "北京是中国的首都。", "rejected": "北京是一座城。"},
    {"prompt": talk("What is 17 + 25?"), "chosen": say("42."), "rejected": say("It is 43, I believe.")},
    {"prompt": [{"role": "system", "content": "Be brief."}, *talk("Name a river.")], "chosen": say("Rhine"),
     "rejected": say("There are many rivers, for example\nthe Rhine 🙂")},
    {"prompt": talk("a", "b", "c"), "chosen": say("déjà vu"), "rejected": say("naïve café")},
    {"chosen": talk("Who?", "Me.", "Why?", "Because."), "rejected": talk("Who?", "Me.", "Why?", "No idea.")},
    {"chosen": talk("Who?", "Me."), "rejected": talk("Who?", "You.", "Really?", "Yes.")},
]


def prepared(row, max_length):
    stub = SimpleNamespace(_tokenizer=tokenizer)
    args = SimpleNamespace(dataset_num_proc=None, max_length=max_length, truncation_mode="keep_start")
    made = DPOTrainer._prepare_dataset(stub, Dataset.from_list([row]), tokenizer, args, "train")
    if len(made) == 0:
        return None
    batch = DataCollatorForPreference(pad_token_id=0, max_length=max_length)([dict(made[0])])
    out = {}
    for i, side in enumerate(("chosen", "rejected")):
        real = batch["attention_mask"][i].bool()
        mask = batch["completion_mask"][i][real].tolist()
        assert mask == sorted(mask)
        out[side] = batch["input_ids"][i][real].tolist()
        out[side + "_prompt"] = mask.count(0)
    return out


def main():
    rows = [{"row": row, "max_length": n, "made": prepared(row, n)} for row in ROWS for n in (1024, 24, 5)]
    with open(Path(__file__).parent / "dpo_rows.json", "w") as file:
        json.dump(rows, file, ensure_ascii=False)
        file.write("\n")
    print(len(rows), sum(row["made"] is None for row in rows))


if __name__ == "__main__":
    main()
