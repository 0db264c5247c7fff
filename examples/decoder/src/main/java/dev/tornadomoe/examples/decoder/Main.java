package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.MoeException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// The command: exit code 0 when all is well, 2 for wrong usage or input.
@Command(
    name = "run",
    mixinStandardHelpOptions = true,
    description = "Goes on with a prompt, by a Qwen3-MoE model.",
    footer = {
      "",
      "Examples:",
      "  run path/to/model --prompt \"Once upon a time\"",
      "  run path/to/model --prompt-ids 1,2,3 --backend tornado --alias off",
      "  run --made-up qwen3-30b-a3b --layers 4"
    })
public final class Main implements Callable<Integer> {
  private static final int WRONG_INPUT = 2;
  private static final int MADE_UP_PROMPT = 256;
  private static final double WARM_UP_SECONDS = 5;

  @Spec private @Nullable CommandSpec spec;

  @Parameters(
      arity = "0..1",
      paramLabel = "DIR",
      description = "A model as Hugging Face lays it out.")
  private @Nullable Path directory;

  @Option(names = "--prompt", paramLabel = "TEXT", description = "What the model goes on with.")
  private @Nullable String prompt;

  @Option(
      names = "--prompt-ids",
      split = ",",
      paramLabel = "ID",
      description = "The same as tokens; needs no tokenizer.json.")
  private int @Nullable [] promptIds;

  @Option(names = "--tokens", defaultValue = "64", description = "At most so many (default 64).")
  private int tokens;

  @Option(names = "--backend", defaultValue = "cpu", description = "cpu (default) or tornado.")
  private String backend = "";

  @Option(
      names = "--alias",
      defaultValue = "on",
      paramLabel = "on|off",
      description = "off: the experts' output is copied (default on).")
  private String alias = "";

  @Option(
      names = "--chunk",
      defaultValue = "256",
      description = "Tokens of a prompt that go through the model at once (default 256).")
  private int chunk;

  @Option(
      names = "--temperature",
      defaultValue = "0",
      description = "0: always the most likely token (default).")
  private double temperature;

  @Option(
      names = "--top-p",
      defaultValue = "1",
      description = "Samples among the likeliest tokens that make up this probability (default 1).")
  private double topP;

  @Option(names = "--seed", defaultValue = "0", description = "Of the sampling (default 0).")
  private long seed;

  @Option(
      names = "--made-up",
      paramLabel = "MODEL",
      description = "Measures with random weights of this model's size: qwen3-30b-a3b.")
  private @Nullable String madeUp;

  @Option(
      names = "--layers",
      defaultValue = "0",
      description = "With --made-up: only so many layers.")
  private int layers;

  /// Runs the command and exits.
  public static void main(String[] args) {
    PrintWriter out = new PrintWriter(System.out, false, System.out.charset());
    PrintWriter err = new PrintWriter(System.err, true, System.err.charset());
    System.exit(run(out, err, args));
  }

  /// Runs the command.
  static int run(PrintWriter out, PrintWriter err, String... args) {
    return new CommandLine(new Main())
        .setOut(out)
        .setErr(err)
        .setExecutionExceptionHandler((e, command, parsed) -> {
          if (e instanceof MoeException) {
            err.println("decoder: " + e.getMessage());
            return WRONG_INPUT;
          }
          throw e;
        })
        .setParameterExceptionHandler((e, parsed) -> {
          err.println("decoder: " + e.getMessage());
          return WRONG_INPUT;
        })
        .execute(args);
  }

  @Override
  public Integer call() throws InterruptedException {
    PrintWriter out = spec().commandLine().getOut();
    PrintWriter err = spec().commandLine().getErr();
    require(tokens >= 1, "--tokens must be 1 or more, found " + tokens);
    require(chunk >= 1, "--chunk must be 1 or more, found " + chunk);
    require(temperature >= 0, "--temperature must be 0 or more, found " + temperature);
    require(topP > 0 && topP <= 1, "--top-p must be above 0 and at most 1, found " + topP);
    require(alias.matches("on|off"), "--alias must be on or off, found " + alias);
    DecoderBackend chosen = DecoderBackend.named(backend);
    if (madeUp != null) {
      require(directory == null, "there is either a directory or --made-up");
      measure(MadeUpModel.named(madeUp, layers), chosen, out, err);
    } else {
      generate(
          Optional.ofNullable(directory)
              .orElseThrow(
                  () -> new DecoderException("no model: give its directory, or --made-up")),
          chosen,
          out,
          err);
    }
    return 0;
  }

  private void generate(Path model, DecoderBackend chosen, PrintWriter out, PrintWriter err) {
    try (DecoderModel opened = CheckpointReader.open(model);
        Text text = Text.of(model)) {
      int[] ids = promptIds(text);
      int positions = ids.length + tokens;
      require(
          positions <= opened.config().positions(),
          String.format(
              Locale.ROOT,
              "the prompt has %d tokens, %d more are asked for, and the model has %d positions",
              ids.length,
              tokens,
              opened.config().positions()));
      new Sequence(positions, opened.config().vocabulary()).requireRoom(ids);
      try (Decoder decoder = load(opened, chosen, positions, alias.equals("on"), err)) {
        Sampler sampler =
            temperature == 0 ? Sampler.greedy() : Sampler.nucleus(temperature, topP, seed);
        Generation generation = new Generation(decoder, opened.config(), sampler, text);
        try (CtrlC _ = new CtrlC()) {
          generation.run(ids, tokens, out, err);
        }
      }
    }
  }

  private int[] promptIds(Text text) {
    require(
        (prompt == null) != (promptIds == null), "give a prompt, as --prompt or as --prompt-ids");
    return promptIds != null ? promptIds : text.encode(Optional.ofNullable(prompt).orElseThrow());
  }

  private void measure(MadeUpModel made, DecoderBackend chosen, PrintWriter out, PrintWriter err)
      throws InterruptedException {
    err.println("making weights up");
    try (DecoderModel model = made.make()) {
      int positions = MADE_UP_PROMPT + tokens;
      Measurement measurement =
          new Measurement(MADE_UP_PROMPT, tokens, model.config().vocabulary(), WARM_UP_SECONDS);
      try (Decoder on = load(model, chosen, positions, true, err);
          Decoder off = load(model, chosen, positions, false, err)) {
        measurement.add("on", on);
        measurement.add("off", off);
        measurement.run(out);
      }
      out.println();
      out.println(
          String.format(
              Locale.ROOT,
              "%s, %d layers, backend %s, prompt of %d tokens, %d tokens a round",
              madeUp,
              model.config().layers(),
              backend,
              MADE_UP_PROMPT,
              tokens));
      out.flush();
    }
  }

  private Decoder load(
      DecoderModel model, DecoderBackend chosen, int positions, boolean on, PrintWriter err) {
    try (LoadingBar bar = new LoadingBar(err)) {
      return chosen.load(model, DecoderOptions.of(positions, chunk, on), bar);
    }
  }

  private CommandSpec spec() {
    return Optional.ofNullable(spec).orElseThrow();
  }

  private static void require(boolean condition, String otherwise) {
    if (!condition) {
      throw new DecoderException("%s", otherwise);
    }
  }
}
