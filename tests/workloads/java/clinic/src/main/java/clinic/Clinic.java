package clinic;

import java.time.LocalDate;
import org.springframework.boot.CommandLineRunner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;

@SpringBootApplication
public class Clinic {
    private static final String[] NAMES = {"Abara", "Bianchi", "Chen", "Dubois", "Eriksen", "Fischer", "Garcia", "Haddad"};

    public static void main(String[] args) {
        SpringApplication.run(Clinic.class, args);
        System.out.println("ready");
    }

    /** 400 owners, of eight last names, each with two pets of three visits. */
    @Bean
    CommandLineRunner fill(OwnerRepository owners) {
        return args -> {
            for (int i = 0; i < 400; i++) {
                Owner owner = new Owner("First" + i, NAMES[i % NAMES.length], "Street " + i);
                for (int p = 0; p < 2; p++) {
                    Pet pet = new Pet(owner, "Pet" + i + "-" + p, LocalDate.of(2015 + p, 1 + i % 12, 1 + i % 28));
                    for (int v = 0; v < 3; v++) pet.visits.add(new Visit(pet, LocalDate.of(2020 + v, 1 + i % 12, 5), "check " + v));
                    owner.pets.add(pet);
                }
                owners.save(owner);
            }
        };
    }
}
