package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.io.BoundedText;
import dev.tornadomoe.checkpoint.io.StrictJson;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;

/// One entry of a list of modules in a compressed-tensors config: a layer's exact name, `re:` and a
/// regular expression that must match from the name's start, or a class name (`Linear`)
/// ([source](https://github.com/vllm-project/compressed-tensors/blob/main/src/compressed_tensors/utils/match.py)).
///
/// @param config for messages
/// @param text as it is in the file
/// @param pattern what follows `re:`, or null
record ModuleTarget(QuantizationJson config, String text, @Nullable Pattern pattern) {
  private static final int NONE = 3;

  /// @param name the list's field
  static List<ModuleTarget> list(QuantizationJson config, String name) {
    List<String> texts = config.texts(name);
    List<ModuleTarget> targets = new ArrayList<>(texts.size());
    for (String text : texts) {
      try {
        Pattern pattern = text.startsWith("re:") ? Pattern.compile(text.substring(3)) : null;
        targets.add(new ModuleTarget(config, text, pattern));
      } catch (PatternSyntaxException e) {
        throw config.wrong(name, "names or regular expressions", text);
      }
    }
    return targets;
  }

  static boolean anyMatches(List<ModuleTarget> targets, String module) {
    return targets.stream().anyMatch(target -> target.matches(module));
  }

  boolean matches(String module) {
    return precedence(module) < NONE;
  }

  /// Names win over patterns, these over classes; of two of the same kind the alphabetically first
  /// wins.
  boolean winsOver(ModuleTarget other, String module) {
    int difference = precedence(module) - other.precedence(module);
    return difference < 0 || (difference == 0 && text.compareTo(other.text) < 0);
  }

  /// How specifically this names a linear layer: 0 by name, 1 by pattern, 2 by class, or NONE.
  private int precedence(String module) {
    if (pattern != null) {
      return isPrefix(pattern, module) ? 1 : NONE;
    }
    return text.equals(module) ? 0 : text.equals("Linear") ? 2 : NONE;
  }

  private boolean isPrefix(Pattern regex, String module) {
    try {
      return regex.matcher(new BoundedText(module)).lookingAt();
    } catch (BoundedText.ExhaustedException e) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: quantization_config: pattern \"%s\" takes too long on \"%s\"",
              config.file(),
              StrictJson.excerpt(text),
              module),
          e);
    }
  }
}
