package com.example;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.springframework.boot.ApplicationArguments;
import org.springframework.boot.CommandLineRunner;
import org.springframework.boot.SpringApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/// An application whose context holds a checkpoint and a session, and closes them in order. It runs
/// a layer and compares its output with what another program computed for it.
///
///     java --add-modules jdk.incubator.vector \
///       -jar examples/spring-boot/target/example-spring-boot.jar src/test/resources/golden/hf/mixtral
@Configuration(proxyBeanMethods = false)
public class Main {
  public static void main(String[] arguments) {
    SpringApplication.run(Main.class, arguments).close();
  }

  @Bean
  Checkpoint checkpoint(ApplicationArguments arguments) {
    return Checkpoint.open(directory(arguments));
  }

  @Bean
  Session session(Checkpoint checkpoint) {
    MoePlan plan =
        Planner.builder()
            .maxTokens(1)
            .requireAlias(true)
            .build()
            .plan(MoeModel.of(checkpoint).layer(0));
    return Backends.auto().prepare(plan);
  }

  @Bean
  CommandLineRunner comparison(Session session, ApplicationArguments arguments) {
    return ignored -> {
      try (TensorFile golden =
          TensorFile.open(directory(arguments).resolve("golden.safetensors"))) {
        float[] hidden = golden.require("layer0/m1/input").toFloats(); // [1, H]
        float[] expected = golden.require("layer0/m1/output").toFloats();
        float[] output = new float[expected.length];
        session.run(MemorySegment.ofArray(hidden), 1, MemorySegment.ofArray(output));
        check(expected, output);
      }
    };
  }

  private static Path directory(ApplicationArguments arguments) {
    return Path.of(arguments.getSourceArgs()[0]);
  }

  private static void check(float[] expected, float[] output) {
    for (int i = 0; i < output.length; i++) {
      if (!(Math.abs(output[i] - expected[i]) <= 1e-5f * Math.max(1, Math.abs(expected[i])))) {
        throw new IllegalStateException(
            "element " + i + " is " + output[i] + ", expected " + expected[i]);
      }
    }
    System.out.println("the output equals the golden output, " + output.length + " elements");
  }
}
