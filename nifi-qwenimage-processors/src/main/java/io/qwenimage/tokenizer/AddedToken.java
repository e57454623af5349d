package io.qwenimage.tokenizer;

/**
 * A token that is found in a text before it is split into words.
 *
 * @param content    its characters
 * @param id         its number
 * @param singleWord found only where no word character is beside it
 * @param lstrip     takes white space on its left
 * @param rstrip     takes white space on its right
 * @param normalized found in the text after Unicode normalisation instead of before
 * @param special    one of the model's control tokens, rather than a word that was added to the vocabulary
 */
record AddedToken(String content, int id, boolean singleWord, boolean lstrip, boolean rstrip, boolean normalized,
        boolean special) {
    AddedToken asSpecial() {
        return new AddedToken(content, id, singleWord, lstrip, rstrip, normalized, true);
    }
}
