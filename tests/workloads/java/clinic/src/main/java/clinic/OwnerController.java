package clinic;

import jakarta.transaction.Transactional;
import java.util.LinkedHashMap;
import java.util.Map;
import org.springframework.stereotype.Controller;
import org.springframework.ui.Model;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.ResponseBody;

@Controller
public class OwnerController {
    private final OwnerRepository owners;

    OwnerController(OwnerRepository owners) {
        this.owners = owners;
    }

    /** A page of all owners of one name, with their pets and visits. */
    @GetMapping("/owners")
    String find(@RequestParam String lastName, Model model) {
        model.addAttribute("owners", owners.findByLastNameOrderByFirstName(lastName));
        return "owners";
    }

    /** How many visits each of them had, as JSON. */
    @GetMapping("/visits")
    @ResponseBody
    Map<String, Integer> visits(@RequestParam String lastName) {
        Map<String, Integer> counts = new LinkedHashMap<>();
        for (Owner owner : owners.findByLastNameOrderByFirstName(lastName)) {
            counts.put(owner.firstName, owner.pets.stream().mapToInt(pet -> pet.visits.size()).sum());
        }
        return counts;
    }

    @PostMapping("/move")
    @ResponseBody
    @Transactional
    String move(@RequestParam long id, @RequestParam String address) {
        owners.findById(id).orElseThrow().address = address;
        return "moved";
    }
}
