package dev.tornadomoe.tornado.tuning;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.tornado.device.KernelShape;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Reads and writes a tuning file's entries. What a file holds is believed only as far as kernels
/// can be compiled for it.
final class TuningJson {
  private static final int LONGEST = 60;
  private static final int MOST = 1 << 24;

  private final String where;
  private final Map<?, ?> object;

  /// @param where what the sentence of a refusal begins with
  TuningJson(String where, @Nullable Object value) {
    this.where = where;
    if (!(value instanceof Map<?, ?> map)) {
      throw new BackendException(
          String.format(
              Locale.ROOT, "%s: expected a JSON object, found %s", where, excerpt(value)));
    }
    this.object = map;
  }

  static Map<String, Object> write(TuningEntry entry) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("kernels", entry.key().kernels().text());
    json.put("hidden", entry.key().hidden());
    json.put("intermediate", entry.key().intermediate());
    json.put("experts", entry.key().experts());
    json.put("top_k", entry.key().topK());
    json.put("weights", entry.key().weights());
    json.put("from_tokens", entry.fromTokens());
    json.put("to_tokens", entry.toTokens());
    json.put("gate_up", write(entry.tuning().gateUp()));
    json.put("down", write(entry.tuning().down()));
    json.put("block", entry.tuning().tokens());
    json.put("block_gate_up", write(entry.tuning().blockGateUp()));
    json.put("block_down", write(entry.tuning().blockDown()));
    json.put("us_per_layer", rounded(entry.micros()));
    json.put("default_us_per_layer", rounded(entry.defaultMicros()));
    return json;
  }

  private static Map<String, Object> write(GroupShape split) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("threads", split.threads());
    json.put("rows", split.rowsPerItem());
    return json;
  }

  private static double rounded(double micros) {
    return Math.round(micros * 10) / 10.0;
  }

  TuningEntry entry() {
    int from = number("from_tokens", 1, MOST);
    int to = number("to_tokens", from, MOST);
    KernelShape kernels = KernelShape.of(text("kernels"));
    if (kernels == null) {
      throw wrong("kernels", "work-items or work-groups", object.get("kernels"));
    }
    TuningKey key =
        new TuningKey(
            kernels,
            number("hidden", 1, MOST),
            number("intermediate", 1, MOST),
            number("experts", 1, MOST),
            number("top_k", 1, MOST),
            text("weights"));
    GroupShape gateUp = group("gate_up", 2, 1);
    GroupShape down = group("down", 1, 1);
    int tokens = number("block", 1, TuningCandidates.LARGEST_BLOCK);
    Tuning tuning =
        new Tuning(
            gateUp,
            down,
            tokens,
            block("block_gate_up", 2, tokens),
            block("block_down", 1, tokens));
    return new TuningEntry(
        key, from, to, tuning, micros("us_per_layer"), micros("default_us_per_layer"));
  }

  /// @param matrices that a group multiplies by
  /// @param tokens of a group
  private GroupShape group(String field, int matrices, int tokens) {
    TuningJson json = new TuningJson(where + ": " + field, object.get(field));
    int outputs = 8 * matrices * tokens;
    int threads = json.powerOfTwo("threads", outputs, 1024);
    return new GroupShape(threads, json.powerOfTwo("rows", 1, Math.min(8, threads / outputs)));
  }

  private GroupShape block(String field, int matrices, int tokens) {
    if (tokens <= Tuning.SMALL_BLOCK) {
      return group(field, matrices, tokens);
    }
    TuningJson json = new TuningJson(where + ": " + field, object.get(field));
    return new GroupShape(
        json.powerOfTwo("threads", 32, 1024), json.powerOfTwo("rows", 1, 8 / matrices));
  }

  String text(String field) {
    if (object.get(field) instanceof String text) {
      return text;
    }
    throw wrong(field, "a text", object.get(field));
  }

  /// @param least and `most` are allowed too
  int number(String field, int least, int most) {
    if (object.get(field) instanceof Integer number && number >= least && number <= most) {
      return number;
    }
    throw wrong(
        field,
        String.format(Locale.ROOT, "a number from %d to %d", least, most),
        object.get(field));
  }

  private int powerOfTwo(String field, int least, int most) {
    int number = number(field, least, most);
    if (Integer.bitCount(number) != 1) {
      throw wrong(field, "a power of two", number);
    }
    return number;
  }

  private double micros(String field) {
    if (object.get(field) instanceof Number number && number.doubleValue() >= 0) {
      return number.doubleValue();
    }
    throw wrong(field, "microseconds", object.get(field));
  }

  List<?> list(String field) {
    if (object.get(field) instanceof List<?> list) {
      return list;
    }
    throw wrong(field, "a list", object.get(field));
  }

  BackendException wrong(String field, String expected, @Nullable Object found) {
    return new BackendException(
        String.format(
            Locale.ROOT, "%s: %s: expected %s, found %s", where, field, expected, excerpt(found)));
  }

  /// A file's own text, as a line of a terminal may show it.
  static String excerpt(@Nullable Object value) {
    String text = value == null ? "nothing" : String.valueOf(value).replaceAll("\\p{Cntrl}", "?");
    return text.length() > LONGEST ? text.substring(0, LONGEST) + "..." : text;
  }
}
