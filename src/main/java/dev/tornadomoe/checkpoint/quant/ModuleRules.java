package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.io.BoundedText;
import dev.tornadomoe.checkpoint.io.StrictJson;
import dev.tornadomoe.checkpoint.io.TensorStore;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;

/// What a config says of some modules otherwise than of all: other bits, another group size, or
/// that they are not quantised. The first rule that matches a module's name counts.
///
/// @param config for messages, and with what holds where no rule matches
/// @param rules in the order in which they are tried
record ModuleRules(QuantizationJson config, List<Rule> rules) {
  /// What is no part of a plain name.
  private static final Pattern SPECIAL = Pattern.compile("[*+?^$()\\[\\]{}|\\\\]");

  private static final int HALF_FLOAT_BITS = 16;

  /// One of them.
  ///
  /// @param text as it is in the file
  /// @param pattern what is looked for, or null where the text is a module's whole name
  /// @param fromStart whether the pattern must match from the name's start
  /// @param skips whether the module is not quantised
  /// @param fields what holds instead of the config's
  record Rule(
      String text,
      @Nullable Pattern pattern,
      boolean fromStart,
      boolean skips,
      Map<String, Object> fields) {}

  /// GPTQModel's `dynamic`: `-:REGEX` leaves modules out, `+:REGEX` or `REGEX` has fields of its
  /// own
  /// ([source](https://github.com/ModelCloud/GPTQModel#dynamic-quantization-per-module-quantizeconfig-override)).
  static ModuleRules dynamic(QuantizationJson config) {
    List<Rule> rules = new ArrayList<>();
    QuantizationJson dynamic = config.object("dynamic");
    if (dynamic != null) {
      for (String text : dynamic.json().keySet()) {
        boolean skips = text.startsWith("-:");
        String regex = skips || text.startsWith("+:") ? text.substring(2) : text;
        rules.add(
            new Rule(text, compiled(dynamic, text, regex), true, skips, fields(dynamic, text)));
      }
    }
    return new ModuleRules(config, rules);
  }

  /// AutoRound's `extra_config`: names, which come first, or texts with letters of a regular
  /// expression, which are looked for anywhere in the name. 16 bits mean that a module is left as
  /// it is.
  static ModuleRules extraConfig(QuantizationJson config) {
    List<Rule> names = new ArrayList<>();
    List<Rule> patterns = new ArrayList<>();
    QuantizationJson extra = config.object("extra_config");
    if (extra != null) {
      for (String text : extra.json().keySet()) {
        QuantizationJson said = new QuantizationJson(config.file(), fields(extra, text));
        boolean skips = said.number("bits", 0) >= HALF_FLOAT_BITS;
        boolean isName = !SPECIAL.matcher(text).find();
        Pattern pattern = isName ? null : compiled(extra, text, text);
        (isName ? names : patterns).add(new Rule(text, pattern, false, skips, said.json()));
      }
    }
    names.addAll(patterns);
    return new ModuleRules(config, names);
  }

  private static Pattern compiled(QuantizationJson rules, String text, String regex) {
    try {
      return Pattern.compile(regex);
    } catch (PatternSyntaxException e) {
      throw rules.wrong(text, "under a regular expression", text);
    }
  }

  private static Map<String, Object> fields(QuantizationJson rules, String text) {
    QuantizationJson fields = rules.object(text);
    return fields == null ? Map.of() : fields.json();
  }

  /// What holds for a module, or null for one that is not quantised.
  @Nullable QuantizationJson of(String module) {
    for (Rule rule : rules) {
      if (matches(rule, module)) {
        if (rule.skips()) {
          return null;
        }
        Map<String, Object> merged = new LinkedHashMap<>(config.json());
        merged.putAll(rule.fields());
        return new QuantizationJson(config.file(), merged);
      }
    }
    return config;
  }

  private boolean matches(Rule rule, String module) {
    Pattern pattern = rule.pattern();
    if (pattern == null) {
      return rule.text().equals(module);
    }
    try {
      var matcher = pattern.matcher(new BoundedText(module));
      return rule.fromStart() ? matcher.lookingAt() : matcher.find();
    } catch (BoundedText.ExhaustedException e) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: quantization_config: pattern \"%s\" takes too long on \"%s\"",
              config.file(),
              StrictJson.excerpt(rule.text()),
              module),
          e);
    }
  }

  /// The refusal of a module that is left out, but is stored in quantised form, or not at all.
  CheckpointException leftOut(TensorStore tensors, String module) {
    String packed = module + ".qweight";
    return new CheckpointException(
        tensors.names().contains(packed)
            ? String.format(
                Locale.ROOT,
                "%s: \"%s\" is left out by a rule of quantization_config, but %s stores it as"
                    + " .qweight",
                config.file(),
                module,
                tensors.fileOf(packed))
            : String.format(
                Locale.ROOT,
                "%s: tensor \"%s.weight\" is missing",
                tensors.fileOf(module + ".weight"),
                module));
  }
}
