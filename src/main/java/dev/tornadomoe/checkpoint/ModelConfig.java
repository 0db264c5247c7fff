package dev.tornadomoe.checkpoint;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.io.StrictJson;
import dev.tornadomoe.checkpoint.quant.Quantization;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/// A checkpoint's `config.json`, as transformers writes it. Models spell the same thing differently
/// (`num_experts`, `num_local_experts`, `n_routed_experts`), so numbers are asked for by all their
/// names, which must not contradict each other; `null` counts as absent, unless [#isNull] is asked.
///
/// A multimodal model keeps its language model's values in `text_config`, `llm_config` or
/// `language_config`, Qwen3-Omni in `thinker_config.text_config`; they are looked up there first.
public final class ModelConfig {
  /// No name that we know is as long, and messages repeat those that we don't.
  private static final int LONGEST_STRING = 80;

  private static final int MOST_LETTERS = 10_000;

  /// Where multimodal models keep the config of their language model: transformers' own; InternVL
  /// and Ovis; DeepSeek-VL2.
  private static final List<String> LANGUAGE_MODELS =
      List.of("text_config", "llm_config", "language_config");

  private final Path file;
  private final Map<String, Object> root;
  private final Map<String, Object> text;

  private ModelConfig(Path file, Map<String, Object> root, Map<String, Object> text) {
    this.file = file;
    this.root = root;
    this.text = text;
  }

  /// @param root what the file says, in the words of a `config.json`
  static ModelConfig of(Path file, Map<String, Object> root) {
    Map<String, Object> text = nested(root, "thinker_config");
    for (String name : LANGUAGE_MODELS) {
      if (text.get(name) instanceof Map<?, ?>) {
        return new ModelConfig(file, root, nested(text, name));
      }
    }
    return new ModelConfig(file, root, text);
  }

  /// The object of this name, or where there is none the outer one.
  @SuppressWarnings("unchecked") // JSON objects have string keys
  private static Map<String, Object> nested(Map<String, Object> outer, String name) {
    return outer.get(name) instanceof Map<?, ?> inner ? (Map<String, Object>) inner : outer;
  }

  /// {@return the file, for messages}
  public Path file() {
    return file;
  }

  /// {@return the `model_type` of the language model}
  ///
  /// @throws CheckpointException when there is none
  public String modelType() {
    return string("model_type")
        .orElseThrow(() ->
            new CheckpointException(String.format(Locale.ROOT, "%s: no \"model_type\"", file)));
  }

  private @Nullable Object value(String name) {
    Object value = text.get(name);
    return value != null ? value : root.get(name);
  }

  /// {@return whether the value is there and is `null`, for the few where that differs from
  /// absence}
  ///
  /// @param name a key of the language model's config
  public boolean isNull(String name) {
    return value(name) == null && (text.containsKey(name) || root.containsKey(name));
  }

  /// {@return whether there is a value that is not `null`}
  ///
  /// @param name a key of the language model's config
  public boolean isPresent(String name) {
    return value(name) != null;
  }

  /// {@return whether there is a list, where a number is usual}
  ///
  /// @param name a key of the language model's config
  public boolean isList(String name) {
    return value(name) instanceof List<?>;
  }

  /// A number of 1 or more that the model can't do without.
  ///
  /// @param names its spellings
  /// @return the value of the first spelling that is there
  /// @throws CheckpointException when none is there, or it is no such number
  public int positive(String... names) {
    Integer value = wholeNumber(names);
    if (value == null) {
      throw new CheckpointException(
          String.format(Locale.ROOT, "%s: no %s", file, String.join(" or ", quoted(names))));
    }
    return requirePositive(value, names);
  }

  /// A number of 1 or more, with the default of the model's own config class.
  ///
  /// @param absent what the model's config class has where the key is absent
  /// @param names its spellings
  /// @return the value of the first spelling that is there, or `absent`
  public int positiveOr(int absent, String... names) {
    Integer value = wholeNumber(names);
    return value == null ? absent : requirePositive(value, names);
  }

  private int requirePositive(int value, String... names) {
    if (value < 1) {
      throw wrong(present(names), "a whole number from 1", value);
    }
    return value;
  }

  /// A number of 0 or more, with the default of the model's own config class.
  ///
  /// @param absent what the model's config class has where the key is absent
  /// @param names its spellings
  /// @return the value of the first spelling that is there, or `absent`
  public int countOr(int absent, String... names) {
    Integer value = wholeNumber(names);
    if (value == null) {
      return absent;
    }
    if (value < 0) {
      throw wrong(present(names), "a whole number from 0", value);
    }
    return value;
  }

  /// A number of 1 or more that may be given for each layer on its own, where only one value for
  /// all of them is known to work. Empty when it is absent.
  ///
  /// @param name a key of the language model's config
  /// @return the number that holds for every layer
  /// @throws CheckpointException when layers have different ones, or it is no such number
  public OptionalInt sameInAllLayers(String name) {
    Object value = value(name);
    if (value == null) {
      return OptionalInt.empty();
    }
    List<?> layers = value instanceof List<?> list ? list : List.of(value);
    for (Object layer : layers) {
      if (!(layer instanceof Integer number) || number < 1) {
        throw wrong(name, "a whole number from 1, or a list of them", value);
      }
      if (!layer.equals(layers.getFirst())) {
        throw wrong(name, "the same in all layers", value);
      }
    }
    if (layers.isEmpty()) {
      throw wrong(name, "a whole number from 1, or a list of them", value);
    }
    return OptionalInt.of((Integer) layers.getFirst());
  }

  private @Nullable Integer wholeNumber(String... names) {
    String name = present(names);
    Object value = value(name);
    if (value == null) {
      return null;
    }
    for (String other : names) {
      Object second = value(other);
      if (second != null && !second.equals(value)) {
        throw new CheckpointException(
            String.format(
                Locale.ROOT,
                "%s: \"%s\" is %s, but \"%s\" is %s",
                file,
                name,
                StrictJson.excerpt(value),
                other,
                StrictJson.excerpt(second)));
      }
    }
    if (value instanceof Integer number) {
      return number;
    }
    throw wrong(name, "a whole number below 2^31", value);
  }

  /// A finite number, with the default of the model's own config class.
  ///
  /// @param absent what the model's config class has where the key is absent
  /// @param name a key of the language model's config
  /// @return the number, or `absent`
  public double numberOr(double absent, String name) {
    Object value = value(name);
    double number = number(value, absent);
    if (value != null && !Double.isFinite(number)) {
      throw wrong(name, "a finite number", value);
    }
    return number;
  }

  /// A truth value, with the default of the model's own config class.
  ///
  /// @param absent what the model's config class has where the key is absent
  /// @param name a key of the language model's config
  /// @return the flag, or `absent`
  public boolean flagOr(boolean absent, String name) {
    Object value = value(name);
    if (value == null) {
      return absent;
    }
    if (value instanceof Boolean flag) {
      return flag;
    }
    throw wrong(name, "true or false", value);
  }

  /// The name of something: a model type, an activation.
  ///
  /// @param name a key of the language model's config
  /// @return the string, or empty where the key is absent or null
  public Optional<String> string(String name) {
    return text(name, LONGEST_STRING, "characters");
  }

  private Optional<String> text(String name, int most, String unit) {
    Object value = value(name);
    if (value == null) {
      return Optional.empty();
    }
    if (value instanceof String text && text.length() <= most) {
      return Optional.of(text);
    }
    throw wrong(name, "a string of at most " + most + " " + unit, value);
  }

  /// A string with a letter for each layer, of which a model may have many.
  ///
  /// @param name a key of the language model's config
  /// @return the letters, or empty where the key is absent or null
  public Optional<String> letters(String name) {
    return text(name, MOST_LETTERS, "letters");
  }

  /// Refuses a string for which only one value is known to work.
  ///
  /// @param name a key of the language model's config
  /// @param only the value that is computed
  /// @throws CheckpointException when it is there and is another
  public void expect(String name, String only) {
    String found = string(name).orElse(only);
    if (!found.equals(only)) {
      throw wrong(name, '"' + only + '"', found);
    }
  }

  /// {@return a list of whole numbers, layer indices say}
  ///
  /// @param name a key of the language model's config
  public Optional<List<Integer>> integers(String name) {
    return list(name, Integer.class, "a list of whole numbers");
  }

  /// A list of finite numbers: a limit for each layer, say.
  ///
  /// @param absent what an element stands for that is null
  /// @param name a key of the language model's config
  /// @return the list, or empty where the key is absent or null
  public Optional<List<Double>> numbersOr(double absent, String name) {
    Object value = value(name);
    if (value == null) {
      return Optional.empty();
    }
    List<?> list = value instanceof List<?> elements ? elements : List.of(value);
    List<Double> numbers = list.stream().map(element -> number(element, absent)).toList();
    if (!(value instanceof List<?>) || !numbers.stream().allMatch(Double::isFinite)) {
      throw wrong(name, "a list of finite numbers", value);
    }
    return Optional.of(numbers);
  }

  private static double number(@Nullable Object value, double absent) {
    return value == null ? absent : value instanceof Number n ? n.doubleValue() : Double.NaN;
  }

  /// {@return a list of short strings: what each layer is, say}
  ///
  /// @param name a key of the language model's config
  public Optional<List<String>> strings(String name) {
    return list(name, String.class, "a list of short strings")
        .filter(list -> {
          if (list.stream().anyMatch(element -> element.length() > LONGEST_STRING)) {
            throw wrong(name, "a list of short strings", list);
          }
          return true;
        });
  }

  /// {@return a list of truth values: whether each layer is an MoE layer, say}
  ///
  /// @param name a key of the language model's config
  public Optional<List<Boolean>> flags(String name) {
    return list(name, Boolean.class, "a list of true and false");
  }

  private <T> Optional<List<T>> list(String name, Class<T> type, String expected) {
    Object value = value(name);
    if (value == null) {
      return Optional.empty();
    }
    if (!(value instanceof List<?> list) || !list.stream().allMatch(type::isInstance)) {
      throw wrong(name, expected, value);
    }
    return Optional.of(list.stream().map(type::cast).toList());
  }

  /// What it says of quantisation, or null.
  @Nullable Map<String, Object> quantization() {
    return mlx()
        .or(() -> object("quantization_config"))
        .or(() -> object("compression_config")) // compressed-tensors until late 2024
        .orElse(null);
  }

  /// An object inside, such as `rope_parameters`.
  ///
  /// @param name of the object
  /// @return what is to be asked in the same way, or empty when it is absent
  public Optional<ModelConfig> section(String name) {
    return object(name).map(inner -> new ModelConfig(file, inner, inner));
  }

  /// What MLX writes, in an object that nobody else has.
  private Optional<Map<String, Object>> mlx() {
    return object("quantization")
        .filter(said -> said.containsKey("group_size") && said.containsKey("bits"))
        .map(said -> {
          Map<String, Object> named = new LinkedHashMap<>(said);
          named.putIfAbsent("quant_method", Quantization.MLX);
          return named;
        });
  }

  /// A nested object.
  @SuppressWarnings("unchecked") // JSON objects have string keys
  Optional<Map<String, Object>> object(String name) {
    Object value = value(name);
    if (value == null) {
      return Optional.empty();
    }
    if (value instanceof Map<?, ?> map) {
      return Optional.of((Map<String, Object>) map);
    }
    throw wrong(name, "an object", value);
  }

  private String present(String... names) {
    for (String name : names) {
      if (value(name) != null) {
        return name;
      }
    }
    return names[0];
  }

  private CheckpointException wrong(String name, String expected, Object found) {
    // Quoted where it is a string: "64" is no number.
    String shown =
        found instanceof String text && text.length() < 80
            ? '"' + text + '"'
            : StrictJson.excerpt(found);
    return new CheckpointException(
        String.format(Locale.ROOT, "%s: \"%s\" must be %s, found %s", file, name, expected, shown));
  }

  private static String[] quoted(String... names) {
    String[] quoted = new String[names.length];
    for (int i = 0; i < names.length; i++) {
      quoted[i] = '"' + names[i] + '"';
    }
    return quoted;
  }
}
