package dev.tornadomoe.examples.decoder;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/// Between text and tokens, by the model's `tokenizer.json`. Without one, tokens are written as
/// their numbers.
public final class Text implements AutoCloseable {
  /// What an unfinished character decodes to.
  private static final String UNFINISHED = "\uFFFD";

  /// Tokens' numbers.
  static final Text NUMBERS = new Text(null);

  private final @Nullable HuggingFaceTokenizer tokenizer;

  /// The last tokens that were written, and their text, which say how those after them begin; then
  /// those that are not written yet.
  private long[] ids = {};

  private String written = "";
  private int writtenIds;

  private Text(@Nullable HuggingFaceTokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  /// The text of a model.
  ///
  /// @param directory of the model
  /// @throws DecoderException when its tokenizer can't be read
  public static Text of(Path directory) {
    Path file = directory.resolve("tokenizer.json");
    if (!Files.exists(file)) {
      return NUMBERS;
    }
    // DJL would ask whether the program runs on Amazon's machines, and tell Amazon.
    System.setProperty("OPT_OUT_TRACKING", "true");
    try {
      // Unless told not to, it cuts prompts after 512 tokens.
      return new Text(HuggingFaceTokenizer.newInstance(file, Map.of("truncation", "false")));
    } catch (IOException | RuntimeException | LinkageError e) {
      throw new DecoderException("%s: can't be read as a tokenizer: %s", file, e);
    }
  }

  /// The tokens of a prompt.
  ///
  /// @throws DecoderException when there is no tokenizer
  public int[] encode(String prompt) {
    if (tokenizer == null) {
      throw new DecoderException(
          "there is no tokenizer.json, so the prompt must be tokens: --prompt-ids 1,2,3");
    }
    return Arrays.stream(tokenizer.encode(prompt).getIds()).mapToInt(Math::toIntExact).toArray();
  }

  /// What a further token adds to the text: nothing as long as a character is not finished.
  public String append(int id) {
    if (tokenizer == null) {
      return id + " ";
    }
    long[] now = LongStream.concat(Arrays.stream(ids), LongStream.of(id)).toArray();
    String text = tokenizer.decode(now, true);
    if (text.endsWith(UNFINISHED) || text.length() <= written.length()) {
      ids = now;
      return "";
    }
    String added = text.substring(written.length());
    ids = Arrays.copyOfRange(now, writtenIds, now.length);
    writtenIds = ids.length;
    written = tokenizer.decode(ids, true);
    return added;
  }

  @Override
  public void close() {
    if (tokenizer != null) {
      tokenizer.close();
    }
  }
}
