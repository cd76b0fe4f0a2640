"""From a declared ``Dataset`` to split, deduplicated, tokenised and cached arrays of token ids.

``load.load`` finds and checks the texts, ``splits.split`` divides them, ``encoding.encode`` numbers their
tokens and caches the arrays, ``subsets.label_subset`` draws the labels that one repetition may use.
"""
