package dev.tornadomoe.cli;

import dev.tornadomoe.backend.BackendException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.jr.ob.JSON;

/// Kernel times from a process of its own that runs the same measurement under the device's
/// profiler: with it on, launches take longer, so the times that a user waits for are measured
/// without.
final class KernelTimes {
  /// Options of `bench` that the other process gets values of its own for, and whether they have
  /// one.
  private static final Map<String, Boolean> REPLACED =
      Map.of("--json", false, "--html", true, "--seconds", true);

  private final Map<Point, Map<String, Double>> micros;

  private final @Nullable String failure;

  private KernelTimes(Map<Point, Map<String, Double>> micros, @Nullable String failure) {
    this.micros = micros;
    this.failure = failure;
  }

  /// What a time belongs to.
  private record Point(int tokens, boolean alias) {}

  static KernelTimes none() {
    return new KernelTimes(Map.of(), null);
  }

  /// Runs `bench` again.
  ///
  /// @param options for its JVM, after this one's
  /// @param arguments of this process
  static KernelTimes measure(List<String> options, List<String> arguments) {
    List<String> rest = without(arguments);
    rest.addAll(List.of("--json", "--seconds", "0.1"));
    try {
      Process process =
          OtherJvm.of(options, rest).redirectError(ProcessBuilder.Redirect.DISCARD).start();
      String json = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      int exit = process.waitFor();
      if (exit != Main.FINE) {
        throw new BackendException(
            String.format(
                Locale.ROOT, "the process that measures kernel times ended with %d", exit));
      }
      return new KernelTimes(parse(json), null);
    } catch (IOException | BackendException | JacksonException e) {
      return new KernelTimes(Map.of(), e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BackendException("measuring kernel times was interrupted", e);
    }
  }

  /// Says why there are none, if measuring them failed. What this process fails at too is said by
  /// itself, so this is for later.
  void sayFailure(PrintWriter err) {
    if (failure != null) {
      err.println("no kernel times: " + failure);
    }
  }

  static List<String> without(List<String> arguments) {
    List<String> kept = new ArrayList<>();
    for (int i = 0; i < arguments.size(); i++) {
      String name = arguments.get(i).replaceFirst("=.*", "");
      Boolean hasValue = REPLACED.get(name);
      if (hasValue == null) {
        kept.add(arguments.get(i));
      } else if (hasValue && !arguments.get(i).contains("=")) {
        i++;
      }
    }
    return kept;
  }

  /// From the first brace on: a device's runtime may have written something before.
  private static Map<Point, Map<String, Double>> parse(String text) {
    Map<Point, Map<String, Double>> times = new HashMap<>();
    String json = text.substring(Math.max(0, text.indexOf('{')));
    if (JSON.std.mapFrom(json).get("results") instanceof List<?> results) {
      for (Object entry : results) {
        if (entry instanceof Map<?, ?> result
            && result.get("tokens") instanceof Number tokens
            && result.get("kernel_us_per_layer_by_task") instanceof Map<?, ?> tasks) {
          Map<String, Double> micros = new LinkedHashMap<>();
          tasks.forEach((task, time) -> micros.put(task.toString(), ((Number) time).doubleValue()));
          times.put(new Point(tokens.intValue(), "on".equals(result.get("alias"))), micros);
        }
      }
    }
    return times;
  }

  /// The result with its kernel time, if there is one.
  BenchResult addTo(BenchResult result) {
    Map<String, Double> time = micros.get(new Point(result.tokens(), result.alias()));
    return time == null ? result : result.withKernelMicros(time);
  }
}
