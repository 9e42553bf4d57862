"""What many start with: a `transformers` pipeline of a BERT-base classifier, one text at a time.

Run by the training environment's Python with the path of a tokenizer.json; weights are random, which costs the same.
Prints {"seconds": …} for each line of texts (a JSON list) on standard input. Imports nothing of `streams`.
"""

import json
import sys
import time


def main() -> None:
    """Answer until standard input ends."""
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast, pipeline

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=sys.argv[1], pad_token="<pad>", model_max_length=512,
        model_input_names=["input_ids", "attention_mask"],
    )  # fmt: skip
    model = BertForSequenceClassification(BertConfig(vocab_size=len(tokenizer), num_labels=3)).eval()
    classify = pipeline("text-classification", model=model, tokenizer=tokenizer, device=-1)
    classify("warm up")
    print("ready", flush=True)
    for line in sys.stdin:
        texts = json.loads(line)
        began = time.perf_counter()
        for text in texts:
            classify(text, truncation=True)
        print(json.dumps({"seconds": time.perf_counter() - began}), flush=True)


if __name__ == "__main__":
    main()
