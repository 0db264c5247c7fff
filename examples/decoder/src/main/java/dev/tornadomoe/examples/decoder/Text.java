package dev.tornadomoe.examples.decoder;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/// Between text and tokens, by the model's `tokenizer.json`. Without one, tokens are written as
/// their numbers.
public final class Text implements AutoCloseable {
  /// What an unfinished character decodes to.
  private static final String UNFINISHED = "\uFFFD";

  private final Path file;
  private final @Nullable HuggingFaceTokenizer tokenizer;
  private final List<Integer> ids = new ArrayList<>();

  /// The tokens from here to [#read] are written, and say how those after them begin.
  private int prefix;

  private int read;

  private Text(Path file, @Nullable HuggingFaceTokenizer tokenizer) {
    this.file = file;
    this.tokenizer = tokenizer;
  }

  /// The text of a model.
  ///
  /// @param directory of the model
  /// @throws DecoderException when its tokenizer can't be read
  public static Text of(Path directory) {
    Path file = directory.resolve("tokenizer.json");
    if (!Files.exists(file)) {
      return new Text(file, null);
    }
    // DJL would ask whether the program runs on Amazon's machines, and tell Amazon.
    System.setProperty("OPT_OUT_TRACKING", "true");
    try {
      // Unless told not to, it cuts prompts after 512 tokens.
      return new Text(file, HuggingFaceTokenizer.newInstance(file, Map.of("truncation", "false")));
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
          "%s: not there, so the prompt must be tokens: --prompt-ids 1,2,3", file);
    }
    return Arrays.stream(tokenizer.encode(prompt).getIds()).mapToInt(Math::toIntExact).toArray();
  }

  /// What a further token adds to the text: nothing as long as a character is not finished.
  public String append(int id) {
    if (tokenizer == null) {
      return id + " ";
    }
    ids.add(id);
    String before = decode(tokenizer, prefix, read);
    String now = decode(tokenizer, prefix, ids.size());
    if (now.length() <= before.length() || now.endsWith(UNFINISHED)) {
      return "";
    }
    prefix = read;
    read = ids.size();
    return now.substring(before.length());
  }

  private String decode(HuggingFaceTokenizer with, int from, int to) {
    return with.decode(
        ids.subList(from, to).stream().flatMapToLong(id -> LongStream.of(id)).toArray(), true);
  }

  @Override
  public void close() {
    if (tokenizer != null) {
      tokenizer.close();
    }
  }
}
