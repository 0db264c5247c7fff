package dev.tornadomoe.examples.decoder;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Between text and tokens, by the model's `tokenizer.json`. Without one, tokens are written as
/// their numbers.
final class Text implements AutoCloseable {
  private final @Nullable HuggingFaceTokenizer tokenizer;

  private long[] answer = {};
  private int written; // letters of the answer's text

  /// @param directory of the model, or null where there is none
  Text(@Nullable Path directory) {
    Path file = directory == null ? null : directory.resolve("tokenizer.json");
    if (file == null || !Files.exists(file)) {
      tokenizer = null;
      return;
    }
    // DJL would ask whether the program runs on Amazon's machines, and tell Amazon.
    System.setProperty("OPT_OUT_TRACKING", "true");
    try {
      // Unless told not to, it cuts prompts after 512 tokens.
      tokenizer = HuggingFaceTokenizer.newInstance(file, Map.of("truncation", "false"));
    } catch (IOException | RuntimeException | LinkageError e) {
      throw new DecoderException(file + ": can't be read as a tokenizer: " + e);
    }
  }

  /// The tokens of a prompt.
  int[] encode(String prompt) {
    if (tokenizer == null) {
      throw new DecoderException(
          "there is no tokenizer.json, so the prompt must be tokens: --prompt-ids 1,2,3");
    }
    return Arrays.stream(tokenizer.encode(prompt).getIds()).mapToInt(Math::toIntExact).toArray();
  }

  /// What a further token adds to the answer's text: nothing as long as a character is not
  /// finished. All of it is decoded each time, since what a token reads depends on those before.
  String append(int id) {
    if (tokenizer == null) {
      return id + " ";
    }
    answer = Arrays.copyOf(answer, answer.length + 1);
    answer[answer.length - 1] = id;
    String text = tokenizer.decode(answer, true);
    if (text.endsWith("\uFFFD")) { // what an unfinished character decodes to
      return "";
    }
    String added = text.substring(Math.min(written, text.length()));
    written = text.length();
    return added;
  }

  @Override
  public void close() {
    if (tokenizer != null) {
      tokenizer.close();
    }
  }
}
